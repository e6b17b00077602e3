"""Models as data: a descriptor says everything that depends on a model. Nothing here imports an engine or torch."""
