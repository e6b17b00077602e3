"""I2VGen-XL (https://arxiv.org/abs/2311.04145): our own sampling loop and forward pass for its checkpoint.

In the order of a run: `checkpoint` and `loading` load the networks, `prompts`, `image_conditioning` and `conditioning`
encode prompt and image, `engine` has the sampling loop, `denoiser` the network, `layers` and `attention` its parts.
"""
