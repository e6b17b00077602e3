"""Translate errors of torch, so that a caller knows whether the process stays usable."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from inference.errors import DeviceBroken, OutOfMemory

# Looked for first: a failed allocation of CUDA and its libraries leaves the context usable, whatever reports it.
_OUT_OF_MEMORY_SIGNS = (
    "out of memory",  # the driver ("CUDA error: out of memory"), Triton
    "can't allocate memory",  # the CPU
    "_STATUS_ALLOC_FAILED",  # cuBLAS, cuDNN, cuSOLVER, cuSPARSE
    "_STATUS_INSUFFICIENT_RESOURCES",  # cuSPARSE
    "unable to find an engine to execute this computation",  # cuDNN, without space for the workspace of any engine
)
_DEVICE_ERROR_SIGNS = ("CUDA error", "cuDNN error", "CUBLAS_STATUS", "CUDNN_STATUS", "NCCL")


@contextmanager
def translate_device_errors(device: str) -> Iterator[None]:
    """Raise OutOfMemory after freeing the memory, or DeviceBroken for a lost CUDA context."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if _is_out_of_memory(error):
            raise _out_of_memory(device, error) from None  # the chained traceback would keep the tensors alive
        if isinstance(error, torch.AcceleratorError) or any(sign in str(error) for sign in _DEVICE_ERROR_SIGNS):
            reason = str(error).splitlines()[0]
            raise DeviceBroken("%(device)s failed: %(reason)s", {"device": device, "reason": reason}) from error
        raise


def _is_out_of_memory(error: Exception) -> bool:
    known_class = isinstance(error, torch.OutOfMemoryError | MemoryError)
    return known_class or any(sign in str(error) for sign in _OUT_OF_MEMORY_SIGNS)


def _out_of_memory(device: str, error: BaseException) -> OutOfMemory:
    error.__traceback__ = None
    gc.collect()
    if device.startswith("cuda"):
        torch.cuda.empty_cache()
    return OutOfMemory(
        "%(device)s does not have enough memory for this video. Choose fewer frames or a lower resolution.",
        {"device": device},
    )
