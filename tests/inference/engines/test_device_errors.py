"""Errors of torch become errors of ours that say whether the process stays usable."""

import pytest

from inference.errors import DeviceBroken, OutOfMemory

OUT_OF_MEMORY = [
    "CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported",
    "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    "GET was unable to find an engine to execute this computation",
    "FIND was unable to find an engine to execute this computation",
    "Triton Error [CUDA]: out of memory",
]


@pytest.mark.parametrize("text", OUT_OF_MEMORY)
def test_whatever_reports_a_lack_of_memory_the_process_stays_usable(text: str) -> None:
    import torch

    from inference.engines.device_errors import translate_device_errors

    for error_class in (RuntimeError, torch.AcceleratorError):
        error = RuntimeError.__new__(error_class, text)
        error.args = (text,)
        with pytest.raises(OutOfMemory), translate_device_errors("cpu"):
            raise error


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
