"""The outcomes of a run in the engine process."""

import errno
from multiprocessing import Pipe
from pathlib import Path
from typing import Any
from uuid import uuid4

from inference.engines.base import RemoteEngine
from inference.generation import GenerationRequest
from inference.models.catalogue import MODELS
from jobs.fencing import Fence
from jobs.worker import child
from jobs.worker.messages import SCRATCH_FAILED, GenerateCommand, GenerationFailure

REQUEST = GenerationRequest(
    prompt="a dog runs",
    negative_prompt="",
    width=64,
    height=48,
    num_frames=5,
    fps=8,
    steps=20,
    guidance_scale=5.0,
    seed=1,
)


class FullDisk(RemoteEngine):
    """An engine whose download does not fit on the disk."""

    def load(self) -> None:
        """Load nothing."""

    def generate_remotely(self, *_arguments: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_download_that_does_not_fit_on_the_disk_is_no_crash(tmp_path: Path) -> None:
    command = GenerateCommand(
        Fence(uuid4(), 1), REQUEST, None, None, tmp_path / "frames.npy", tmp_path / "audio.npz", timeout_seconds=60
    )
    ours, theirs = Pipe()
    with ours, theirs:
        outcome = child._generate(FullDisk(None, "cpu"), MODELS["camera"], command, theirs)
    assert isinstance(outcome, GenerationFailure)
    assert (outcome.code, outcome.permanent, outcome.broken) == (SCRATCH_FAILED, False, False)
