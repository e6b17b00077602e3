"""A video that continues another one, from the request to the joined file."""

import base64
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.storage import default_storage
from numpy.typing import NDArray
from PIL import Image

from accounts.quota.models import LedgerEntry
from inference.encoding import probe
from inference.images import encode_png
from inference.provenance import XMP_PACKET
from inference.video_files import VideoFile
from jobs.models import Job
from jobs.queue.cancel import delete_job
from jobs.states import State
from jobs.storage.files import load_source_image
from jobs.videos.cleanup import delete_due_files
from tests.support.api_client import ApiClient
from tests.support.workers import WorkerProcess, wait_for_state

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("all_models")]


def picture() -> str:
    """Return an image whose parts all look different, in base64."""
    rows, columns = np.mgrid[0:216, 0:288]
    pixels = np.stack([rows, columns * 255 // 288, (rows // 24 + columns // 24) % 2 * 160], axis=-1).astype(np.uint8)
    return base64.b64encode(encode_png(Image.fromarray(pixels))).decode()


def frames_of(job: Job) -> NDArray[np.uint8]:
    return np.stack(list(VideoFile(Path(default_storage.path(job.result_key)))))


def extend(api: ApiClient, source: Job, **changes: Any) -> Job:
    response = api.post(f"/v1/videos/{source.public_id}/extend", changes)
    assert response.status_code == 202, response.content
    return Job.objects.get(pk=response.json()["id"].removeprefix("vid_"))


def test_the_frames_of_the_joined_file(
    submit: Callable[..., Job], start_worker: Callable[..., WorkerProcess], as_alice: ApiClient
) -> None:
    """The source's frames are unchanged, and then come those of the continuation without its first."""
    start_worker()
    for output_format in ("mp4", "gif"):
        source = submit(image_base64=picture(), output_format=output_format, fps=10)
        wait_for_state(source, State.COMPLETED, State.FAILED)
        expected = frames_of(source)
        changes = {"prompt": "the camera tilts up", "seed": 7, "num_frames": 9}
        alone = extend(as_alice, source, **changes)
        assert np.array_equal(np.asarray(Image.open(BytesIO(load_source_image(alone)))), expected[-1])
        joined = extend(as_alice, source, join=True, **changes)
        # The file is kept until it is joined.
        delete_job(job=source)
        assert delete_due_files() == 0
        for job in (alone, joined):
            wait_for_state(job, State.COMPLETED, State.FAILED)
        assert delete_due_files() == 1
        frames = frames_of(joined)
        assert np.array_equal(frames[:8], expected), output_format
        rest, continuation = frames[8:].astype(int), frames_of(alone).astype(int)
        assert len(rest) == 8
        assert np.abs(rest - continuation[1:]).mean() < 8  # palettes differ
        assert np.abs(rest[0] - continuation[1]).mean() < np.abs(rest[0] - expected[-1].astype(int)).mean()

        shown = as_alice.get(f"/v1/videos/{joined.public_id}").json()
        assert (shown["num_frames"], shown["seconds"], shown["extends"]) == (16, "1.6", source.public_id)
        assert joined.quoted_credits == alone.quoted_credits
        path = Path(default_storage.path(joined.result_key))
        assert (probe(path).num_frames, joined.result_bytes) == (16, path.stat().st_size)
        assert XMP_PACKET in path.read_bytes()
        assert LedgerEntry.objects.filter(job_id=joined.pk, kind="settle").count() == 1
