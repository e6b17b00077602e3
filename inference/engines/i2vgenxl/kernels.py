"""Matrix products and attention with the fastest kernel for the device and the shape."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own convention

MAX_SHORT_SEQUENCE = 32
"""Tokens up to which two plain products are faster on a CPU than the fused attention kernel with its overhead."""
BLOCK_BYTES = 2 << 20
"""Bytes of attention scores that are computed at a time on a CPU, so that they stay in its cache."""

MAX_FUSED_BATCH = 32768
"""Sequences of one call of the fused kernel: CUDA starts at most 65,535 blocks in the dimension that it uses for them.

Attention over the frames of each pixel has more from 2048 x 2048 on (pytorch#146704, #142228).
"""


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Multiply x (..., inputs) by weight (outputs, inputs) and add bias.

    On a CPU this is a pointwise convolution, which runs in oneDNN: more than twice as fast as the BLAS of F.linear on
    processors for which MKL is not optimised, and not slower on the others.
    """
    if x.device.type != "cpu":
        return F.linear(x, weight, bias)
    rows = x.reshape(1, -1, 1, x.shape[-1]).permute(0, 3, 1, 2)
    product = F.conv2d(rows, weight[:, :, None, None], bias)
    return product.permute(0, 2, 3, 1).reshape(*x.shape[:-1], -1)


def attention(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Compute scaled dot-product attention of (batch, heads, tokens, channels) tensors."""
    if queries.device.type != "cpu" or keys.shape[2] > MAX_SHORT_SEQUENCE:
        return _in_blocks(F.scaled_dot_product_attention, MAX_FUSED_BATCH, queries, keys, values)
    return _in_blocks(_short_attention, max(1, BLOCK_BYTES // (4 * queries[0].numel())), queries, keys, values)


def _in_blocks(compute: Callable[..., Tensor], block: int, *tensors: Tensor) -> Tensor:
    if len(tensors[0]) <= block:
        return compute(*tensors)
    blocks = zip(*(torch.split(tensor, block) for tensor in tensors), strict=True)
    return torch.cat([compute(*parts) for parts in blocks])


def _short_attention(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    scores = torch.matmul(queries * queries.shape[-1] ** -0.5, keys.transpose(2, 3))
    return torch.matmul(scores.softmax(-1), values)
