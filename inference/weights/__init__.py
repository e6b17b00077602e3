"""Weights of models: which files a model reads, where they are, how they get onto this machine.

A source of weights is a folder on this machine, which is used in place; a hub repository, `owner/name` or
`owner/name@revision`; or `s3://bucket/prefix`. The last two are copied into the store, one folder for each source and
revision, with a manifest beside the files. Nothing here imports torch, Django or diffusers.
"""
