"""The file of a completed video on this machine, for work that decodes it. Such work is limited for each team."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfileobj

from django.core.files.storage import default_storage

from common.concurrency import ConcurrencyLimiter
from common.errors import Conflict, Gone
from common.messages import Message
from jobs.models import Job
from jobs.states import State
from jobs.storage.files import translate_storage_errors

# Requests that decode a video, or wait for another process to do so.
_RENDER_LIMITER = ConcurrencyLimiter("makers", work=Message("files being rendered"), process_limit=4)
# For one team, in all processes together.
_TEAM_LIMIT, _RENDER_TIMEOUT_SECONDS = 2, 90


def require_file(job: Job, *, param: str | None = None) -> None:
    """Raise Conflict if the video is not completed, and Gone after its retention period."""
    if job.state != State.COMPLETED:
        if job.is_finished:
            raise Conflict(
                "This video has no file because its status is %(status)s. Create another video.",
                {"status": job.state},
                code="not_ready",
                param=param,
            )
        raise Conflict(
            "This video is not completed yet. Its status is %(status)s. Try again later.",
            {"status": job.state},
            code="not_ready",
            param=param,
        )
    if job.is_gone:
        raise Gone("The video was deleted after its retention period.", param=param)


@contextmanager
def render_slot(team_id: int, *, wait_seconds: float = 0) -> Iterator[None]:
    """Hold one of the team's slots for decoding. Raise Overloaded or ConcurrencyLimitExceeded if there is none."""
    with _RENDER_LIMITER.acquire(
        team_id=team_id,
        team_limit=_TEAM_LIMIT,
        expires_after_seconds=_RENDER_TIMEOUT_SECONDS,
        wait_seconds=wait_seconds,
    ):
        yield


@contextmanager
def local_file(job: Job) -> Iterator[Path]:
    """Copy the file into a folder that exists while the block runs.

    An OSError of the storage or of the block is raised as Overloaded or Gone.
    """
    with translate_storage_errors(), tempfile.TemporaryDirectory(prefix="video-") as folder:
        path = Path(folder, f"source.{job.output_format}")
        with default_storage.open(job.result_key) as stored, path.open("wb") as file:
            copyfileobj(stored, file)
        yield path
