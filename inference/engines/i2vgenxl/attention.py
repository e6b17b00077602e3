"""The transformer layers of the denoiser: over the pixels of a frame, and over the frames of a pixel.

The batch is 2 with guidance (without, then with the prompt) and 1 without.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from inference.engines.i2vgenxl.kernels import attention, linear

KeysValues = tuple[Tensor, Tensor]
"""Keys and values, each (batch, heads, tokens, channels per head)."""


class Projection:
    """A linear layer, or the 1 x 1 convolution that some checkpoints have instead."""

    def __init__(self, layer: Any) -> None:
        self.weight: Tensor = layer.weight.detach().flatten(1)
        self.bias: Tensor | None = layer.bias

    def __call__(self, x: Tensor) -> Tensor:
        return linear(x, self.weight, self.bias)


class SelfAttention:
    """Self-attention over (batch, tokens, channels); one matrix product computes queries, keys and values."""

    def __init__(self, layer: Any) -> None:
        self.heads: int = layer.heads
        self.qkv = torch.cat([part.weight.detach() for part in (layer.to_q, layer.to_k, layer.to_v)])
        self.out = Projection(layer.to_out[0])

    def __call__(self, x: Tensor) -> Tensor:
        batch, tokens, _ = x.shape
        q, k, v = linear(x, self.qkv).view(batch, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        h = attention(q, k, v)
        return self.out(h.transpose(1, 2).reshape(batch, tokens, -1))


class CrossAttention:
    """Attention of pixels to the context, whose keys and values are the same for all frames and all steps."""

    def __init__(self, layer: Any) -> None:
        self.heads: int = layer.heads
        self.to_q = Projection(layer.to_q)
        self.to_k = Projection(layer.to_k)
        self.to_v = Projection(layer.to_v)
        self.out = Projection(layer.to_out[0])

    def keys_values(self, context: Tensor) -> KeysValues:
        """Compute keys and values of a context (batch, tokens, channels), once for all frames and steps."""
        return self._split(self.to_k(context)), self._split(self.to_v(context))

    def __call__(self, x: Tensor, keys_values: KeysValues) -> Tensor:
        """x: (batch or 1, pixels of all frames, channels). A batch of 1 is expanded to the batch of the context."""
        keys, values = keys_values
        queries = self._split(self.to_q(x)).expand(len(keys), -1, -1, -1)
        h = attention(queries, keys, values)
        return self.out(h.transpose(1, 2).flatten(2))

    def _split(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)


class GatedFeedForward:
    """A diffusers FeedForward with GEGLU: half of the hidden channels gate the other half."""

    def __init__(self, feed_forward: Any) -> None:
        self.project, self.out = Projection(feed_forward.net[0].proj), Projection(feed_forward.net[-1])

    def __call__(self, x: Tensor) -> Tensor:
        hidden, gate = self.project(x).chunk(2, dim=-1)
        return self.out(F.gelu(gate).mul_(hidden))


class SpatialTransformer:
    """A diffusers Transformer2DModel with one block: self-attention over the pixels of a frame, cross-attention."""

    def __init__(self, model: Any) -> None:
        (block,) = model.transformer_blocks
        self.norm: nn.GroupNorm = model.norm
        self.project_in = Projection(model.proj_in)
        self.project_out = Projection(model.proj_out)
        self.norm1, self.norm2, self.norm3 = block.norm1, block.norm2, block.norm3
        self.self_attention = SelfAttention(block.attn1)
        self.cross_attention = CrossAttention(block.attn2)
        self.feed_forward = GatedFeedForward(block.ff)

    def __call__(self, x: Tensor, keys_values: KeysValues, num_frames: int) -> Tensor:
        """x: (batch * frames or frames, channels, height, width). Returns (batch * frames, channels, height, width)."""
        height, width = x.shape[2:]
        residual = x.permute(0, 2, 3, 1).flatten(1, 2)
        h = F.group_norm(x, self.norm.num_groups, self.norm.weight, self.norm.bias, self.norm.eps)
        h = self.project_in(h.permute(0, 2, 3, 1).flatten(1, 2))
        h = self.self_attention(self.norm1(h)).add_(h)
        h = h.view(-1, num_frames * height * width, h.shape[-1])
        h = self.cross_attention(self.norm2(h), keys_values).add_(h)
        h = self.feed_forward(self.norm3(h)).add_(h)
        h = self.project_out(h).add_(residual.reshape(-1, num_frames * height * width, x.shape[1]))
        return h.view(-1, height, width, h.shape[-1]).permute(0, 3, 1, 2)


class TemporalTransformer:
    """A diffusers TransformerTemporalModel with one block: self-attention of each pixel over the frames."""

    def __init__(self, model: Any) -> None:
        (block,) = model.transformer_blocks
        self.norm: nn.GroupNorm = model.norm
        self.project_in = Projection(model.proj_in)
        self.project_out = Projection(model.proj_out)
        self.norm1, self.norm2, self.norm3 = block.norm1, block.norm2, block.norm3
        self.attention1, self.attention2 = SelfAttention(block.attn1), SelfAttention(block.attn2)
        self.feed_forward = GatedFeedForward(block.ff)

    def __call__(self, x: Tensor, num_frames: int) -> Tensor:
        batch, (_, channels, height, width) = x.shape[0] // num_frames, x.shape
        pixels = height * width
        h = x.permute(0, 2, 3, 1).reshape(batch, num_frames, pixels, channels).permute(0, 3, 1, 2)
        h = F.group_norm(h, self.norm.num_groups, self.norm.weight, self.norm.bias, self.norm.eps)
        h = self.project_in(h.permute(0, 3, 2, 1).reshape(batch * pixels, num_frames, channels))
        h = self.attention1(self.norm1(h)).add_(h)
        h = self.attention2(self.norm2(h)).add_(h)
        h = self.feed_forward(self.norm3(h)).add_(h)
        h = self.project_out(h).view(batch, pixels, num_frames, channels).transpose(1, 2)
        return h.reshape(batch * num_frames, height, width, channels).permute(0, 3, 1, 2) + x
