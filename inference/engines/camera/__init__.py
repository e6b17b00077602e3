"""A virtual camera that moves over an image: no neural network, no torch, any machine.

`motion` derives the camera move from prompt and seed, `depth` estimates the depth, `shot` renders the frames.
"""
