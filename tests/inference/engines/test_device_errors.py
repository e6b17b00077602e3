"""Errors of torch become errors of ours that say whether the process stays usable."""

import pytest

from inference.errors import DeviceBroken, OutOfMemory


def test_device_errors_are_distinguished() -> None:
    import torch

    from inference.engines.device_errors import translate_device_errors

    with pytest.raises(OutOfMemory), translate_device_errors("cpu"):
        raise torch.OutOfMemoryError("CUDA out of memory")
    with pytest.raises(OutOfMemory), translate_device_errors("cpu"):
        torch.empty(1 << 60)
    with pytest.raises(DeviceBroken, match="illegal memory access"), translate_device_errors("cuda:0"):
        raise RuntimeError("CUDA error: an illegal memory access was encountered\nmore")
    with pytest.raises(RuntimeError, match="shapes"), translate_device_errors("cpu"):
        raise RuntimeError("shapes do not fit")
