"""The choice of a device, with a fake NVIDIA driver."""

from types import SimpleNamespace

import pynvml
import pytest

from inference.devices import choose_device, cuda_devices
from inference.errors import DeviceNotFound

GPUS = [("GPU-aaaa", 24_000, 3_000), ("GPU-bbbb", 80_000, 70_000), ("GPU-cccc", 80_000, 10_000)]


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> None:
    def by_uuid(uuid: str) -> int:
        for index, (name, _, _) in enumerate(GPUS):
            if name == uuid:
                return index
        raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)

    def memory(index: int) -> SimpleNamespace:
        return SimpleNamespace(total=GPUS[index][1] << 20, free=GPUS[index][2] << 20)

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(pynvml, "nvmlInit", lambda: None)
    monkeypatch.setattr(pynvml, "nvmlShutdown", lambda: None)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetCount", lambda: len(GPUS))
    monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByIndex", lambda index: index)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByUUID", by_uuid)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetName", lambda index: GPUS[index][0])
    monkeypatch.setattr(pynvml, "nvmlDeviceGetMemoryInfo", memory)


@pytest.fixture
def no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.setattr(pynvml, "nvmlInit", fail)


@pytest.mark.usefixtures("no_driver")
def test_without_a_driver_the_cpu_is_chosen() -> None:
    device = choose_device("auto")
    assert str(device) == "cpu"
    assert 0 < device.free_mb <= device.total_mb
    for requested in ("cuda", "cuda:0"):
        with pytest.raises(DeviceNotFound, match="no NVIDIA GPU"):
            choose_device(requested)


@pytest.mark.usefixtures("driver")
def test_auto_chooses_the_gpu_with_most_free_memory() -> None:
    for requested in ("auto", "cuda"):
        device = choose_device(requested)
        assert (str(device), device.name, device.total_mb, device.free_mb) == ("cuda:1", "GPU-bbbb", 80_000, 70_000)
    assert str(choose_device("cpu")) == "cpu"
    assert choose_device("cuda:2").name == "GPU-cccc"
    with pytest.raises(DeviceNotFound, match="cuda:0, cuda:1, cuda:2"):
        choose_device("cuda:3")
    with pytest.raises(DeviceNotFound, match="is not a device"):
        choose_device("tpu")


@pytest.mark.usefixtures("driver")
@pytest.mark.parametrize(
    ("visible", "names"),
    [
        ("2,0", ["GPU-cccc", "GPU-aaaa"]),
        ("GPU-bbbb", ["GPU-bbbb"]),
        ("", []),
        ("-1", []),
        ("1,7,0", ["GPU-bbbb"]),
        ("GPU-zz,0", []),
    ],
)
def test_cuda_visible_devices_hides_and_renumbers_gpus_as_cuda_does(
    visible: str, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    devices = cuda_devices()
    assert [device.name for device in devices] == names
    assert [device.index for device in devices] == list(range(len(names)))
