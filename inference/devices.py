"""Choose the device to run on. NVML is used, so that neither torch nor a CUDA context is needed."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil
import pynvml

from inference.errors import DeviceNotFound

_CUDA = re.compile(r"cuda(?::(\d+))?")


@dataclass(frozen=True, slots=True)
class Device:
    """A CPU or GPU. `str(device)` is torch's name for it, "cpu" or "cuda:N".

    total_mb, free_mb: memory in MiB, at the time of the query. utilization_percent: the share of the driver's last
    sample period during which the GPU was busy, or None if the driver does not report it.
    """

    kind: str
    index: int
    name: str
    total_mb: int
    free_mb: int
    utilization_percent: int | None = None

    def __str__(self) -> str:
        return self.kind if self.kind == "cpu" else f"{self.kind}:{self.index}"


def choose_device(requested: str = "auto") -> Device:
    """Return the requested device: "auto" (the GPU with the most free memory, else the CPU), "cpu", "cuda" or "cuda:N".

    Raises DeviceNotFound if that GPU does not exist.
    """
    if requested == "cpu":
        return cpu_device()
    gpus = cuda_devices()
    if requested in {"auto", "cuda"} and gpus:
        return max(gpus, key=lambda gpu: gpu.free_mb)
    if requested == "auto":
        return cpu_device()
    match = _CUDA.fullmatch(requested)
    if match is None:
        raise DeviceNotFound("'%(device)s' is not a device. Use auto, cpu, cuda or cuda:N.", {"device": requested})
    found = next((gpu for gpu in gpus if match[1] and gpu.index == int(match[1])), None)
    if found is None and gpus:
        raise DeviceNotFound(
            "There is no device %(device)s. Use one of: %(available)s.",
            {"device": requested, "available": ", ".join(str(gpu) for gpu in gpus)},
        )
    if found is None:
        raise DeviceNotFound(
            "There is no device %(device)s: the driver reports no NVIDIA GPU. Use cpu, or check the driver.",
            {"device": requested},
        )
    return found


def cpu_device() -> Device:
    """Return the CPU with the machine's memory."""
    memory = psutil.virtual_memory()
    return Device("cpu", 0, f"CPU ({os.cpu_count()} cores)", memory.total >> 20, memory.available >> 20)


def cuda_devices() -> list[Device]:
    """Return the GPUs that are visible to CUDA in this process, in CUDA's order; an empty list without a driver."""
    with _nvml() as ready:
        if not ready:
            return []
        return [_describe(index, handle) for index, handle in enumerate(_visible_handles())]


@contextmanager
def _nvml() -> Iterator[bool]:
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        yield False
        return
    try:
        yield True
    finally:
        pynvml.nvmlShutdown()


def _visible_handles() -> list["pynvml.c_nvmlDevice_t"]:
    """Apply CUDA_VISIBLE_DEVICES (numbers or UUIDs), which hides and renumbers GPUs and which NVML ignores."""
    count = pynvml.nvmlDeviceGetCount()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(count)]
    handles = []
    for entry in (part.strip() for part in visible.split(",")):
        try:
            if not entry:
                break
            number = int(entry) if entry.lstrip("-").isdigit() else None
            if number is not None and not 0 <= number < count:
                break  # CUDA also ignores all entries after the first invalid one
            by_uuid = pynvml.nvmlDeviceGetHandleByUUID
            handles.append(by_uuid(entry) if number is None else pynvml.nvmlDeviceGetHandleByIndex(number))
        except pynvml.NVMLError:
            break
    return handles


def _describe(index: int, handle: "pynvml.c_nvmlDevice_t") -> Device:
    name = pynvml.nvmlDeviceGetName(handle)
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    return Device("cuda", index, name, memory.total >> 20, memory.free >> 20, _utilization_percent(handle))


def _utilization_percent(handle: "pynvml.c_nvmlDevice_t") -> int | None:
    try:
        return int(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu)
    except pynvml.NVMLError:  # a MIG partition of a GPU
        return None
