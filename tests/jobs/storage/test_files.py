"""The source image of a video, and the errors of a storage that fails."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from common.errors import Gone, NotFound, Overloaded
from jobs.models import Job
from jobs.storage.files import (
    SourceImageMissing,
    load_file,
    load_source_image,
    read_range,
    store_file,
    translate_storage_errors,
)
from tests.support.api_client import ApiClient
from tests.support.images import png
from tests.support.interpreter import ROOT
from tests.support.people import Person


def test_the_image_is_returned(submit: Callable[..., Job]) -> None:
    job = submit()
    image = load_source_image(job)
    assert image.startswith(png()[:8])
    assert image == load_file(job.source_key)


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


@pytest.fixture
def lost_storage(settings: Any, tmp_path: Path) -> Callable[[], None]:
    """Replace the folder of the storage by a file, as a mount that fails."""

    def lose() -> None:
        (tmp_path / "file").write_text("a file where a folder should be")
        options = {"location": str(tmp_path / "file" / "media")}
        settings.STORAGES = {**settings.STORAGES, "default": {**settings.STORAGES["default"], "OPTIONS": options}}

    return lose


def assert_outage(response: Any) -> None:
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["message"]) == (
        503,
        "overloaded",
        "The storage does not respond. Try again in a moment.",
    )
    assert response["Retry-After"]


@pytest.mark.parametrize("path", ["/content", "/content?variant=thumbnail", "/content?variant=gif"])
def test_reading_during_an_outage(
    finished: Job, as_alice: ApiClient, lost_storage: Callable[[], None], path: str
) -> None:
    lost_storage()
    assert_outage(as_alice.get(f"/v1/videos/{finished.public_id}{path}"))


def test_submitting_and_remixing_during_an_outage(
    finished: Job, as_alice: ApiClient, body: Callable[..., dict[str, Any]], lost_storage: Callable[[], None]
) -> None:
    lost_storage()
    assert_outage(as_alice.post("/v1/videos", body()))
    assert_outage(as_alice.post(f"/v1/videos/{finished.public_id}/remix", {"prompt": "zoom in"}))


def test_a_page_shows_an_outage(finished: Job, alice: Person, lost_storage: Callable[[], None]) -> None:
    lost_storage()
    response = alice.get(f"/videos/{finished.public_id}/picture")
    assert response.status_code == 503
    assert "The storage does not respond. Try again in a moment." in response.content.decode()
    assert response["Retry-After"]


@pytest.mark.parametrize(
    ("error", "status"), [(FileNotFoundError("no"), 410), (OSError("no"), 503), (PermissionError("no"), 503)]
)
def test_errors_of_the_storage_become_errors_of_the_api(error: OSError, status: int) -> None:
    with pytest.raises((Gone, Overloaded)) as raised, translate_storage_errors():
        raise error
    assert raised.value.status == status


def test_a_caller_may_choose_the_error_for_a_missing_object() -> None:
    with pytest.raises(NotFound, match="no such upload"), translate_storage_errors(missing=NotFound("no such upload")):
        raise FileNotFoundError


def test_other_errors_pass() -> None:
    with pytest.raises(ValueError, match="another"), translate_storage_errors():
        raise ValueError("another")


@pytest.mark.usefixtures("own_media")
def test_store_and_load_file() -> None:
    assert store_file("teams/1/file", b"content") == "teams/1/file"
    assert load_file("teams/1/file") == b"content"
    assert read_range("teams/1/file", 0, 7) == b"content"


@pytest.mark.usefixtures("own_media")
def test_loading_a_missing_file() -> None:
    with pytest.raises(Gone, match="no longer exists"):
        load_file("teams/1/none")
    with pytest.raises(LookupError, match="no such upload"):
        load_file("teams/1/none", missing=LookupError("no such upload"))


@pytest.mark.usefixtures("own_media")
def test_store_file_during_an_outage(lost_storage: Callable[[], None]) -> None:
    lost_storage()
    with pytest.raises(Overloaded):
        store_file("teams/1/file", b"content")


def test_the_outage_is_named_in_one_place() -> None:
    code = {path for folder in ("accounts", "jobs", "platform") for path in (ROOT / folder).rglob("*.py")}
    users = {path.relative_to(ROOT).as_posix() for path in code if "The storage does not respond" in path.read_text()}
    assert users == {"jobs/storage/files.py"}
