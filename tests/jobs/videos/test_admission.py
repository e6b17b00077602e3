"""Settings that fit into the memory of the GPUs."""

from collections.abc import Callable
from typing import Any

import pytest

from inference.models.catalogue import MODELS
from jobs.models import Worker
from tests.support.api_client import ApiClient


@pytest.mark.django_db
def test_the_longest_video_that_fits_is_suggested_for_each_resolution(
    as_alice: ApiClient, body: Callable[..., dict[str, Any]], settings: Any
) -> None:
    settings.MODELS_ENABLED = ["i2vgen-xl"]
    Worker.objects.create(
        name="w",
        pool="gpu",
        model="i2vgen-xl",
        state="ready",
        device="cuda:0",
        vram_total_mb=20_000,
        last_heartbeat_at="2099-01-01T00:00:00Z",
    )
    large = body(model="i2vgen-xl", resolution="1024p", aspect_ratio="1:1", num_frames=32)
    suggestions = as_alice.post("/v1/videos/quote", large).json()["suggestions"]
    assert [each["resolution"] for each in suggestions] == ["1024p", "768p", "512p"]
    model = MODELS["i2vgen-xl"]
    for each in suggestions:
        size = model.sizes.frame_size(each["resolution"], "1:1", None)
        frames = each["num_frames"]
        assert model.vram_mb(*size, frames) <= 20_000
        assert frames == 32 or model.vram_mb(*size, frames + 1) > 20_000
    assert suggestions[0]["num_frames"] in range(9, 32)
