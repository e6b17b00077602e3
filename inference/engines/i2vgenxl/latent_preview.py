"""Approximate the image of latents without the decoder, at one eighth of the size, in microseconds."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.engines.pixels import project_to_rgb

# Red, green and blue in -1..1 as weighted sums of the four latent channels of Stable Diffusion's VAE, which this model
# uses: a linear fit to its decoder (from ComfyUI, latent_formats.SD15).
_RGB = ((0.3512, 0.2297, 0.3227), (0.3250, 0.4974, 0.2350), (-0.2829, 0.1762, 0.2721), (-0.2120, -0.2616, -0.7177))


def latents_to_rgb(latent: Tensor) -> NDArray[np.uint8]:
    """Convert scaled latents (4, height/8, width/8) of one frame to RGB (height/8, width/8, 3) in 0..255."""
    return project_to_rgb(latent, torch.tensor(_RGB, device=latent.device))
