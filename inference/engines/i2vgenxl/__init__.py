"""I2VGen-XL (https://arxiv.org/abs/2311.04145): our own sampling loop and forward pass over its checkpoint.

Follow a clip through it: `engine` (the loop), `prompts` and `conditioning` (what the picture and the text say),
`denoiser` (the network), `layers` and `attention` (what it is made of). `checkpoint` and `loading` bring it up.
"""
