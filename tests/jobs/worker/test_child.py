"""The outcomes of a run in the engine process."""

import errno
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing import Pipe
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from inference.engines.base import Engine, GeneratedVideo, RemoteEngine, load_engine
from inference.errors import OutOfMemory
from inference.frames_file import Frames
from inference.generation import GenerationRequest
from inference.models.catalogue import MODELS
from jobs.fencing import Fence
from jobs.worker import child
from jobs.worker.messages import (
    SCRATCH_FAILED,
    CancelCommand,
    GenerateCommand,
    GenerationCancellation,
    GenerationFailure,
)

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


@pytest.fixture
def command(tmp_path: Path) -> GenerateCommand:
    return GenerateCommand(
        Fence(uuid4(), 1), REQUEST, None, None, tmp_path / "frames.npy", tmp_path / "audio.npz", timeout_seconds=60
    )


def test_a_download_that_does_not_fit_on_the_disk_is_no_crash(command: GenerateCommand) -> None:
    ours, theirs = Pipe()
    with ours, theirs:
        outcome = child._generate(FullDisk(None, "cpu"), MODELS["camera"], command, theirs)
    assert isinstance(outcome, GenerationFailure)
    assert (outcome.code, outcome.permanent, outcome.broken) == (SCRATCH_FAILED, False, False)


@pytest.mark.parametrize("name", ["frames.part", "audio.npz"])
def test_frames_and_sound_that_do_not_fit_on_the_disk_are_no_crash(command: GenerateCommand, name: str) -> None:
    command.frames_path.with_name(name).symlink_to("/dev/full")
    command = replace(command, request=replace(REQUEST, audio=True))
    ours, theirs = Pipe()
    with ours, theirs:
        outcome = child._generate(load_engine("scripted"), MODELS["scripted"], command, theirs)
    assert isinstance(outcome, GenerationFailure)
    assert (outcome.code, outcome.permanent, outcome.broken) == (SCRATCH_FAILED, False, False)
    assert not command.frames_path.exists()


class FailsInTheMiddle(Engine):
    """An engine whose frames end with an exception, or after which the worker cancels the run."""

    def __init__(self, after_first_frame: Callable[[], None]) -> None:
        super().__init__(None, "cpu")
        self._after_first_frame = after_first_frame

    def load(self) -> None:
        """Load nothing."""

    def generate(self, request: GenerationRequest, *_arguments: Any) -> GeneratedVideo:
        def chunks() -> Iterator[Frames]:
            for _ in range(request.num_frames):
                yield np.zeros((1, request.height, request.width, 3), np.uint8)
                self._after_first_frame()

        return GeneratedVideo(chunks())


def test_an_error_or_a_cancellation_between_frames_ends_the_run(command: GenerateCommand) -> None:
    def run_out_of_memory() -> None:
        raise OutOfMemory("There is no memory for the next frame.")

    ours, theirs = Pipe()
    with ours, theirs:
        outcome = child._generate(FailsInTheMiddle(run_out_of_memory), MODELS["camera"], command, theirs)
        assert isinstance(outcome, GenerationFailure)
        assert (outcome.code, outcome.broken) == ("out_of_memory", False)
        engine = FailsInTheMiddle(lambda: ours.send(CancelCommand(command.fence)))
        assert child._generate(engine, MODELS["camera"], command, theirs) == GenerationCancellation(command.fence)
    assert [*command.frames_path.parent.iterdir()] == []
