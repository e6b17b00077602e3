"""Which device to run on, asked of the NVIDIA driver through NVML, so that no torch and no CUDA context is needed."""

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
    """`str(device)` is torch's name for it, "cpu" or "cuda:N". Memory in MiB, as free as it was when asked.

    `busy_percent`: how much of the last moment a GPU computed, None where its driver does not tell.
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
    """The device for `wish`: "auto" (the GPU with the most free memory, else the CPU), "cpu", "cuda" or "cuda:N".

    Raises DeviceNotFound when a GPU is named that is not there.
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
    """The processor and the machine's memory."""
    memory = psutil.virtual_memory()
    return Device("cpu", 0, f"CPU ({os.cpu_count()} cores)", memory.total >> 20, memory.available >> 20)


def cuda_devices() -> list[Device]:
    """Every GPU that CUDA would show this process, numbered as CUDA numbers them; empty without a driver."""
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
    """NVML knows nothing of CUDA_VISIBLE_DEVICES, which hides and renumbers. Its entries are numbers or UUIDs."""
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
                break  # CUDA, too, ignores everything from the first invalid entry on
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
    except pynvml.NVMLError:  # a part of a divided GPU
        return None
