"""Attention in parts equals attention at once."""

import pytest


def test_the_fused_kernel_gets_no_more_sequences_than_cuda_can_start(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from inference.engines.i2vgenxl import kernels

    fused, batches = torch.nn.functional.scaled_dot_product_attention, []

    def recording(queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        batches.append(len(queries))
        return fused(queries, keys, values)

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", recording)
    monkeypatch.setattr(kernels, "MAX_FUSED_BATCH", 3)
    tokens = kernels.MAX_SHORT_SEQUENCE + 1
    q, k, v = torch.randn(3, 7, 2, tokens, 4, generator=torch.Generator().manual_seed(1))

    assert torch.equal(kernels.attention(q, k, v), fused(q, k, v))
    assert batches == [3, 3, 1]
