"""What all engines share that run a pipeline of diffusers.

`options` are what an operator may set, `checkpoint` loads the pipeline, `quantization` with fewer bits, `memory` decides
which parts of it are on the GPU, `loras` adds LoRAs, `preview` approximates frames, and `engine` runs the pipeline.
"""
