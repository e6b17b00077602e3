"""The memory of this process, as Linux counts it."""

from pathlib import Path


class PeakMemory:
    """Measures by how many megabytes this process grows, at most, from now on."""

    def __init__(self) -> None:
        Path("/proc/self/clear_refs").write_text("5")  # resets the peak
        self._before = _megabytes("VmRSS")

    def growth_mb(self) -> float:
        return self.peak_mb() - self._before

    def peak_mb(self) -> float:
        return _megabytes("VmHWM")


def _megabytes(name: str) -> float:
    """Return the present (VmRSS) or peak (VmHWM) memory."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) / 1000
