"""Translate errors of torch, so that a caller knows whether the process stays usable."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from inference.errors import DeviceBroken, OutOfMemory

_CPU_OUT_OF_MEMORY = "can't allocate memory"
_DEVICE_ERROR_SIGNS = ("CUDA error", "cuDNN error", "CUBLAS_STATUS", "CUDNN_STATUS", "NCCL")


@contextmanager
def translate_device_errors(device: str) -> Iterator[None]:
    """Raise OutOfMemory after freeing the memory, or DeviceBroken for a lost CUDA context."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise _out_of_memory(device, error) from None  # the chained traceback would keep the tensors alive
    except RuntimeError as error:
        if _CPU_OUT_OF_MEMORY in str(error):
            raise _out_of_memory(device, error) from None
        if isinstance(error, torch.AcceleratorError) or any(sign in str(error) for sign in _DEVICE_ERROR_SIGNS):
            reason = str(error).splitlines()[0]
            raise DeviceBroken("%(device)s failed: %(reason)s", {"device": device, "reason": reason}) from error
        raise


def _out_of_memory(device: str, error: BaseException) -> OutOfMemory:
    error.__traceback__ = None
    gc.collect()
    if device.startswith("cuda"):
        torch.cuda.empty_cache()
    return OutOfMemory(
        "%(device)s does not have enough memory for this video. Choose fewer frames or a lower resolution.",
        {"device": device},
    )
