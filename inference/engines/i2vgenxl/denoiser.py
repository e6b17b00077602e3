"""The denoising network: a forward pass over the weights of a diffusers I2VGenXLUNet.

It computes the same as the forward pass of diffusers, except that
- whatever is the same for all steps is computed once (`Conditioning`): context keys and values, time shifts, image
  features;
- the two halves of classifier-free guidance share all work up to the first cross-attention;
- activations stay channels-last, which turns most of the copies of diffusers into views.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from inference.engines.i2vgenxl.attention import KeysValues, SpatialTransformer, TemporalTransformer
from inference.engines.i2vgenxl.layers import ResnetLayer, TemporalConvolution, norm_silu, upsample


@dataclass(frozen=True, slots=True)
class Conditioning:
    """The inputs that are the same for all steps of a run.

    image_features: (frames, channels, height, width), concatenated to the noisy latents. keys_values: one entry for
    each spatial transformer in the order of the pass. shifts: one (steps, channels) for each residual layer.
    """

    image_features: Tensor
    keys_values: list[KeysValues]
    shifts: list[Tensor]
    num_frames: int
    dtype: torch.dtype


class UNetUnit:
    """A residual layer, the temporal convolution after it and, if the block has them, the two transformers."""

    def __init__(self, resnet: Any, temporal: Any, spatial_attention: Any, temporal_attention: Any) -> None:
        self.resnet = ResnetLayer(resnet)
        self.temporal = TemporalConvolution(temporal)
        self.spatial_attention = SpatialTransformer(spatial_attention) if spatial_attention is not None else None
        self.temporal_attention = TemporalTransformer(temporal_attention) if temporal_attention is not None else None


class ForwardPass:
    """One pass through the network at one step; supplies each unit with its share of the conditioning, in order."""

    def __init__(self, conditioning: Conditioning, step: int) -> None:
        self.num_frames = conditioning.num_frames
        self._shifts = iter([shift[step] for shift in conditioning.shifts])
        self._keys_values = iter(conditioning.keys_values)

    def run(self, unit: UNetUnit, x: Tensor) -> Tensor:
        """Apply the unit to x, (batch * frames, channels, height, width)."""
        x = unit.temporal(unit.resnet(x, next(self._shifts)), self.num_frames)
        if unit.spatial_attention is None or unit.temporal_attention is None:
            return x
        x = unit.spatial_attention(x, next(self._keys_values), self.num_frames)
        return unit.temporal_attention(x, self.num_frames)


class Denoiser:
    """The callable network."""

    def __init__(self, unet: Any) -> None:
        self.conv_in: nn.Conv2d = unet.conv_in
        self.transformer_in = TemporalTransformer(unet.transformer_in)
        self.down = [(_units(block), _single(block.downsamplers)) for block in unet.down_blocks]
        self.middle = _middle_units(unet.mid_block)
        self.up = [(_units(block), _single(block.upsamplers)) for block in unet.up_blocks]
        self.norm_out: nn.GroupNorm = unet.conv_norm_out
        self.conv_out: nn.Conv2d = unet.conv_out

    @property
    def units(self) -> list[UNetUnit]:
        """All units in the order of a pass."""
        blocks = [*(units for units, _ in self.down), self.middle, *(units for units, _ in self.up)]
        return [unit for units in blocks for unit in units]

    def __call__(self, latents: Tensor, step: int, conditioning: Conditioning) -> Tensor:
        """Predict from latents (frames, channels, height, width); returns (batch * frames, channels, height, width).

        batch is 2 with guidance (without, then with the prompt) and 1 without.
        """
        forward_pass = ForwardPass(conditioning, step)
        x = torch.cat([latents.to(conditioning.dtype), conditioning.image_features], dim=1)
        x = self.conv_in(x.contiguous(memory_format=torch.channels_last))
        x = self.transformer_in(x, forward_pass.num_frames)
        skips = [x]
        for units, downsampler in self.down:
            for unit in units:
                x = forward_pass.run(unit, x)
                skips.append(x)
            if downsampler is not None:
                x = downsampler.conv(x)
                skips.append(x)
        for unit in self.middle:
            x = forward_pass.run(unit, x)
        for units, upsampler in self.up:
            for unit in units:
                x = forward_pass.run(unit, _concat_skip(x, skips.pop()))
            if upsampler is not None:
                x = upsample(upsampler, x, skips[-1])
        prediction: Tensor = self.conv_out(norm_silu(self.norm_out, x))
        return prediction


def _concat_skip(x: Tensor, skip: Tensor) -> Tensor:
    """Concatenate a skip connection. One from before the first cross-attention is used for both halves of guidance."""
    if len(skip) < len(x):
        skip = torch.cat([skip] * (len(x) // len(skip)))
    return torch.cat([x, skip], dim=1)


def _units(block: Any) -> list[UNetUnit]:
    attentions = zip(block.attentions, block.temp_attentions, strict=True) if hasattr(block, "attentions") else ()
    pairs = list(attentions) or [(None, None)] * len(block.resnets)
    return [
        UNetUnit(resnet, temporal, *pair)
        for resnet, temporal, pair in zip(block.resnets, block.temp_convs, pairs, strict=True)
    ]


def _middle_units(block: Any) -> list[UNetUnit]:
    """Build the units of the middle block: its attention comes after the first of its two residual layers."""
    first, second = zip(block.resnets, block.temp_convs, strict=True)
    return [UNetUnit(*first, _single(block.attentions), _single(block.temp_attentions)), UNetUnit(*second, None, None)]


def _single(modules: Any) -> Any:
    if modules is None:
        return None
    (module,) = modules
    return module
