"""LTX-2 (https://arxiv.org/abs/2601.03233): text, a first and a last image to video with sound, by diffusers."""
