"""A submit during an outage of the storage or the database gets 503, and an accepted job loses nothing."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage, default_storage
from django.db import InternalError, OperationalError
from psycopg import errors

from common.db_errors import is_transient
from jobs.models import Job
from jobs.storage.files import job_folder
from jobs.videos import services as submitting
from tests.support.api_client import ApiClient
from tests.support.people import Person


def test_an_unavailable_storage_gets_503(
    as_alice: ApiClient, body: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: Any, **_options: Any) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(FileSystemStorage, "save", refuse)
    response = as_alice.post("/v1/videos", body())
    assert (response.status_code, response.json()["error"]["code"]) == (503, "overloaded")
    assert response["Retry-After"]
    assert not Job.objects.exists()


@pytest.fixture
def pictures(alice: Person) -> Any:
    """Return a function that counts the stored source images of Alice."""

    def count() -> int:
        try:
            folders, _ = default_storage.listdir(f"teams/{alice.team.pk}/videos")
        except FileNotFoundError:
            return 0
        return len(folders)

    return count


def test_a_committed_job_keeps_its_image_if_the_confirmation_is_lost(
    as_alice: ApiClient, body: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    accept = submitting._accept

    def accept_and_lose_the_answer(*arguments: Any, **options: Any) -> None:
        accept(*arguments, **options)
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(submitting, "_accept", accept_and_lose_the_answer)
    key = {"Idempotency-Key": "once"}
    picture = body()
    assert as_alice.post("/v1/videos", picture, **key).status_code == 503
    monkeypatch.undo()
    response = as_alice.post("/v1/videos", picture, **key)
    assert response.status_code == 202
    job = Job.objects.get()
    assert response.json()["id"] == job.public_id
    assert default_storage.exists(job.source_key)
    assert default_storage.exists(job_folder(job))


def test_a_rejected_submit_leaves_no_image(
    as_alice: ApiClient, body: Callable[..., dict[str, Any]], pictures: Any, alice: Person
) -> None:
    before = pictures()
    type(alice.wallet).objects.filter(team=alice.team).update(balance=0)
    assert as_alice.post("/v1/videos", body()).status_code == 429
    assert pictures() in {before, before + 1}  # the empty folder may remain
    for folder in default_storage.listdir(f"teams/{alice.team.pk}/videos")[0]:
        assert default_storage.listdir(f"teams/{alice.team.pk}/videos/{folder}")[1] == []


def test_which_errors_are_transient() -> None:
    frozen = InternalError("terminating connection due to idle-in-transaction timeout")
    frozen.__cause__ = errors.IdleInTransactionSessionTimeout()
    assert is_transient(frozen)
    assert is_transient(OperationalError())
    assert not is_transient(InternalError())
    assert not is_transient(ValueError())
