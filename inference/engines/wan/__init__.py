"""Wan 2.1 and 2.2 (https://arxiv.org/abs/2503.20314): text, a first and a last image to video, by diffusers."""
