"""Scratch files of a worker: one folder per process, with one subfolder per attempt."""

import os
import shutil
from pathlib import Path

import psutil
from django.conf import settings

from common.messages import Message
from jobs.fencing import Fence


class Scratch:
    """The folder `SCRATCH_DIR/<pid>-<start time>/`. A new worker deletes the folders of workers that were killed."""

    def __init__(self) -> None:
        root = Path(settings.SCRATCH_DIR)
        root.mkdir(parents=True, exist_ok=True)
        for folder in root.iterdir():
            if not _is_alive(folder.name):
                shutil.rmtree(folder, ignore_errors=True)
        # A pid alone may have been reused by another process.
        self.root = root / f"{os.getpid()}-{int(psutil.Process().create_time())}"
        self.root.mkdir(exist_ok=True)

    @property
    def last_error(self) -> Message | None:
        """Return what is wrong with the disk, or None. A worker that cannot write should not claim jobs."""
        free = shutil.disk_usage(self.root).free
        if free >= settings.SCRATCH_MIN_FREE_BYTES:
            return None
        return Message("Only %(free)s MB are left on the disk for scratch files.", {"free": free // 1_000_000})

    def folder(self, fence: Fence) -> Path:
        """Return the path of the folder of an attempt. It is not created here."""
        return self.root / f"{fence.job_id.hex}-{fence.attempt}"

    def remove(self) -> None:
        """Delete the folder of this process."""
        shutil.rmtree(self.root, ignore_errors=True)


def _is_alive(folder_name: str) -> bool:
    pid, _, started = folder_name.partition("-")
    try:
        return int(psutil.Process(int(pid)).create_time()) == int(started)
    except (ValueError, psutil.NoSuchProcess):
        return False
