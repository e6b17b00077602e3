"""Convert tensors to pixels."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.errors import OutputInvalid

_FRAMES_PER_CHUNK = 8


def to_uint8(pixels: Tensor) -> NDArray[np.uint8]:
    """Convert (frames, 3, height, width) in -1..1 to (frames, height, width, 3) in 0..255. Raises OutputInvalid."""
    check_finite(pixels)
    scaled = (pixels.float() / 2 + 0.5).clamp_(0, 1).mul_(255).round_()
    return scaled.to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()


def check_finite(values: Tensor) -> None:
    """Raise OutputInvalid for NaN and infinity, which half precision gives when it overflows."""
    if not values.isfinite().all():
        raise OutputInvalid


def frames_of(pixels: Tensor) -> Iterator[NDArray[np.uint8]]:
    """Convert like `to_uint8`, some frames at a time: the intermediate values of a video need six times its memory."""
    for part in torch.split(pixels, _FRAMES_PER_CHUNK):
        yield to_uint8(part)


def project_to_rgb(latent: Tensor, factors: Tensor, bias: float | Tensor = 0.0) -> NDArray[np.uint8]:
    """Approximate the image of the latents of one frame, (channels, height, width), at the same size.

    factors: (channels, 3), the weights of red, green and blue in -1..1. Returns (height, width, 3) in 0..255.
    """
    pixels = torch.einsum("chw,cr->hwr", latent.float(), factors) + bias
    image: NDArray[np.uint8] = to_uint8(pixels.permute(2, 0, 1).unsqueeze(0))[0]
    return image
