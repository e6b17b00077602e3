"""Scratch files of a worker: one folder a process, one below it an attempt."""

import os
import shutil
from pathlib import Path

import psutil
from django.conf import settings

from jobs.fencing import Fence


class Scratch:
    """`SCRATCH_DIR/<pid>-<start time>/`. Folders of workers that were killed are swept when the next one starts."""

    def __init__(self) -> None:
        root = Path(settings.SCRATCH_DIR)
        root.mkdir(parents=True, exist_ok=True)
        for folder in root.iterdir():
            if not _is_alive(folder.name):
                shutil.rmtree(folder, ignore_errors=True)
        # A pid alone may belong to another process by now.
        self.root = root / f"{os.getpid()}-{int(psutil.Process().create_time())}"
        self.root.mkdir(exist_ok=True)

    @property
    def last_error(self) -> str:
        """What is wrong with the disk, or nothing: a worker that cannot write should not claim."""
        free = shutil.disk_usage(self.root).free
        if free >= settings.SCRATCH_MIN_FREE_BYTES:
            return ""
        return f"Only {free // 1_000_000} MB are left on the disk for scratch files."

    def folder(self, fence: Fence) -> Path:
        """Where one attempt may keep its files; not made yet."""
        return self.root / f"{fence.job_id.hex}-{fence.attempt}"

    def remove(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)


def _is_alive(folder_name: str) -> bool:
    pid, _, started = folder_name.partition("-")
    try:
        return int(psutil.Process(int(pid)).create_time()) == int(started)
    except (ValueError, psutil.NoSuchProcess):
        return False
