"""Approximate frames by a linear projection of the latents, which is fitted to the model's own decoder."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.engines.pixels import project_to_rgb

_COLORS_PER_CHANNEL = 4
_SIDE = 2

DecodeFn = Callable[[Tensor], Tensor]
"""Decodes latents (videos, channels, 1, height, width) to pixels (videos, 3, 1, larger height, larger width)."""


class LatentPreview:
    """Projects latents to RGB.

    decode: the decoder of the model. It is fitted at the first preview, which takes about as long as to decode one
    frame of 400 x 400 pixels.
    """

    def __init__(self, decode: DecodeFn) -> None:
        self._decode = decode
        self._fit: Tensor | None = None

    def render(self, latents: Tensor) -> NDArray[np.uint8]:
        """Return the middle frame of latents (1, channels, frames, height, width), (height, width, 3) in 0..255."""
        if self._fit is None:
            self._fit = fit_rgb_factors(self._decode, latents.shape[1])
        fit = self._fit.to(latents.device)
        return project_to_rgb(latents[0, :, latents.shape[2] // 2], fit[:-1], fit[-1])


def fit_rgb_factors(decode: DecodeFn, channels: int) -> Tensor:
    """Return (channels + 1, 3): the weights of red, green and blue, and in the last row their bias.

    A least-squares fit to areas of one color each: latents are nearly constant there, as in most parts of an image.
    """
    generator = torch.Generator().manual_seed(0)
    colors = torch.randn((_COLORS_PER_CHANNEL * channels, channels), generator=generator)
    areas = colors[:, :, None, None, None].expand(-1, -1, 1, _SIDE, _SIDE)
    rgb = decode(areas).float().mean(dim=(2, 3, 4)).cpu()
    with_bias = torch.cat([colors, torch.ones(len(colors), 1)], dim=1)
    solution: Tensor = torch.linalg.lstsq(with_bias, rgb).solution
    return solution
