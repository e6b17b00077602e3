"""A last image, from the request through a worker with a tiny Wan 2.2 I2V-A14B to the last frame of the video."""

from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference.models.catalogue import MODELS
from inference.models.files import read_models_file
from inference.video_files import VideoFile
from jobs.models import Job
from jobs.states import State
from jobs.storage.files import load_file
from tests.support.images import CAT
from tests.support.wan_checkpoint import make_wan_checkpoint
from tests.support.workers import WorkerProcess, wait_for_state

TABLE = """
[models.tiny]
extends = "wan-i2v-a14b"
without = ["memory"]
weights = "{weights}"
engine_options = {{ offload = "none" }}
steps.minimum = 1
sizes.minimum_side = 32
"""


def test_the_last_image_changes_the_last_frame(
    tmp_path: Path,
    submit: Callable[..., Job],
    start_worker: Callable[..., WorkerProcess],
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_wan_checkpoint(tmp_path / "wan", "i2v-a14b")
    file = tmp_path / "models.toml"
    file.write_text(TABLE.format(weights=tmp_path / "wan"))
    monkeypatch.setitem(MODELS, "tiny", read_models_file(str(file))["tiny"])
    settings.MODELS_ENABLED = ["tiny"]
    settings.DEFAULT_MODEL = "tiny"
    start_worker("--model", "tiny", MODELS_FILE=str(file))
    small: dict[str, Any] = {"size": "64x64", "resolution": ..., "num_frames": 5, "fps": 8, "steps": 2, "seed": 1}
    last_image = b64encode(CAT.with_name("coffee.jpg").read_bytes()).decode()
    jobs = [submit(**small), submit(**small, last_image_base64=last_image)]
    videos = []
    for job in jobs:
        wait_for_state(job, State.COMPLETED, State.FAILED)
        video = tmp_path / "video.mp4"
        video.write_bytes(load_file(job.result_key))
        videos.append(np.stack(list(VideoFile(video))).astype(int))
    changes = np.abs(videos[0] - videos[1]).mean(axis=(1, 2, 3))
    # The tests of the engine compare its frames with those of diffusers.
    assert changes[-1] > max(0.5, 2 * changes[0])
