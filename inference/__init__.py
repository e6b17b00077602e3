"""Generate a video from an image and a prompt: requests, limits, images, engines, encoding, devices.

Plain Python: no Django, no Redis. Only engines below `inference.engines` import torch, diffusers and
transformers, so a web process can import everything else.
"""
