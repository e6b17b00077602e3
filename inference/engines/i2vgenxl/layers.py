"""The convolutional layers of the denoiser.

Activations are (batch * frames, channels, height, width) in channels-last memory throughout, which is the same memory
as (batch, channels, frames, height * width) channels-last: a temporal convolution needs no copy, and the tokens for
attention are a view.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention


def norm_silu(norm: nn.GroupNorm, x: Tensor) -> Tensor:
    """Apply group normalisation, then SiLU in place."""
    return F.silu(F.group_norm(x, norm.num_groups, norm.weight, norm.bias, norm.eps), inplace=True)


class ResnetLayer:
    """A diffusers ResnetBlock2D that takes the projected time embedding."""

    def __init__(self, block: Any) -> None:
        self.norm1: nn.GroupNorm = block.norm1
        self.norm2: nn.GroupNorm = block.norm2
        self.conv1: nn.Conv2d = block.conv1
        self.conv2: nn.Conv2d = block.conv2
        self.shortcut = block.conv_shortcut
        self.time_projection: nn.Linear = block.time_emb_proj

    def shifts(self, embedding: Tensor) -> Tensor:
        """Project (steps, embedding) to (steps, channels), added to every pixel after the first convolution.

        The bias of the convolution is included, so that the addition costs nothing in the loop.
        """
        shifts: Tensor = self.time_projection(F.silu(embedding)) + self.conv1.bias
        return shifts

    def __call__(self, x: Tensor, shift: Tensor) -> Tensor:
        h = F.conv2d(norm_silu(self.norm1, x), self.conv1.weight, shift, padding=1)
        h = F.conv2d(norm_silu(self.norm2, h), self.conv2.weight, self.conv2.bias, padding=1)
        return h.add_(x if self.shortcut is None else self.shortcut(x))


class TemporalConvolution:
    """A diffusers TemporalConvLayer: four convolutions over three neighbouring frames, with a residual connection.

    They are computed as two-dimensional convolutions over (frames, pixels), which have fast channels-last kernels.
    """

    def __init__(self, layer: Any) -> None:
        self.stages: list[tuple[nn.GroupNorm, Tensor, Tensor]] = []
        for stage in (layer.conv1, layer.conv2, layer.conv3, layer.conv4):
            norm, convolution = stage[0], stage[-1]
            weight = convolution.weight.detach().squeeze(-1).contiguous(memory_format=torch.channels_last)
            self.stages.append((norm, weight, convolution.bias.detach()))

    def __call__(self, x: Tensor, num_frames: int) -> Tensor:
        batch, (_, channels, height, width) = x.shape[0] // num_frames, x.shape
        h = x.permute(0, 2, 3, 1).reshape(batch, num_frames, height * width, channels).permute(0, 3, 1, 2)
        for norm, weight, bias in self.stages:
            h = F.conv2d(norm_silu(norm, h), weight, bias, padding=(1, 0))
        h = h.permute(0, 2, 3, 1).reshape(batch * num_frames, height, width, channels).permute(0, 3, 1, 2)
        return h.add_(x)


def upsample(layer: Any, x: Tensor, like: Tensor) -> Tensor:
    """Upsample to the height and width of `like` (nearest; odd sides are not exactly doubled), then convolve."""
    output: Tensor = layer.conv(F.interpolate(x, size=like.shape[2:], mode="nearest"))
    return output
