"""`load_source_image`: the image of a video, and one error if it is gone."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from common.errors import Overloaded
from jobs.models import Job
from jobs.storage.files import SourceImageMissing, load_source_image
from tests.support.images import png


def test_the_image_is_returned(submit: Callable[..., Job]) -> None:
    job = submit()
    image = load_source_image(job)
    assert image.startswith(png()[:8])
    with default_storage.open(job.source_key) as file:
        assert image == file.read()


def test_a_missing_file_is_reported_with_code_and_param(submit: Callable[..., Job]) -> None:
    job = submit()
    default_storage.delete(job.source_key)
    with pytest.raises(SourceImageMissing) as raised:
        load_source_image(job)
    assert (raised.value.status, raised.value.code, raised.value.param) == (410, "expired", None)
    with pytest.raises(SourceImageMissing) as raised:
        load_source_image(job, code="source_missing", param="source_video")
    assert (raised.value.code, raised.value.param) == ("source_missing", "source_video")


@pytest.mark.parametrize(
    ("column", "age", "is_missing"),
    [
        ("files_deleted_at", timedelta(0), True),
        ("expires_at", timedelta(seconds=1), True),
        ("expires_at", -timedelta(hours=1), False),
    ],
)
def test_an_image_past_its_retention_is_missing_although_its_file_exists(
    submit: Callable[..., Job], column: str, age: timedelta, is_missing: bool
) -> None:
    job = submit()
    setattr(job, column, timezone.now() - age)
    if is_missing:
        with pytest.raises(SourceImageMissing):
            load_source_image(job)
    else:
        assert load_source_image(job)


@pytest.mark.parametrize("remains", ["nothing", "an empty mount point", "a file"])
def test_an_unmounted_storage_is_an_outage_and_no_missing_image(submit: Callable[..., Job], remains: str) -> None:
    job = submit()
    media = Path(default_storage.path(""))
    media.rename(media.with_name("media-away"))
    if remains == "an empty mount point":
        media.mkdir()
    elif remains == "a file":
        media.write_text("a file where a folder should be")
    with pytest.raises(Overloaded):
        load_source_image(job)
