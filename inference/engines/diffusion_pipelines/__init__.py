"""What all engines share that run a pipeline of diffusers.

`options` are what an operator may set, `checkpoint` loads the pipeline, `quantization` stores weights in fewer bits,
`memory` decides which parts are on the GPU, `loras` adds LoRAs, `shapes` refuses sizes that a pipeline would round,
`preview` approximates frames, and `engine` runs the pipeline.
"""
