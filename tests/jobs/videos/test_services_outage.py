"""A submit while storage or database are away: 503, and nothing that an accepted job needs is lost."""

import pytest
from django.core.files.storage import FileSystemStorage, default_storage
from django.db import InternalError, OperationalError
from psycopg import errors

from common.db_errors import is_transient
from jobs.models import Job
from jobs.storage.files import job_folder
from jobs.videos import services as submitting


def test_a_storage_that_is_away_is_answered_with_503(as_alice, body, monkeypatch):
    def refuse(*_arguments, **_options):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(FileSystemStorage, "save", refuse)
    answer = as_alice.post("/v1/videos", body())
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "overloaded")
    assert answer["Retry-After"]
    assert not Job.objects.exists()


@pytest.fixture
def pictures(alice):
    """How many source pictures of Alice's are stored."""

    def count() -> int:
        try:
            folders, _ = default_storage.listdir(f"teams/{alice.team.pk}/videos")
        except FileNotFoundError:
            return 0
        return len(folders)

    return count


def test_an_accepted_job_keeps_its_picture_when_the_answer_to_commit_is_lost(as_alice, body, monkeypatch):
    accept = submitting._accept

    def accept_and_lose_the_answer(*arguments, **options):
        accept(*arguments, **options)
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(submitting, "_accept", accept_and_lose_the_answer)
    key = {"Idempotency-Key": "once"}
    picture = body()
    assert as_alice.post("/v1/videos", picture, **key).status_code == 503
    monkeypatch.undo()
    answer = as_alice.post("/v1/videos", picture, **key)
    assert answer.status_code == 202
    job = Job.objects.get()
    assert answer.json()["id"] == job.public_id
    assert default_storage.exists(job.source_key)
    assert default_storage.exists(job_folder(job.team_id, job.id))


def test_a_refused_submit_leaves_no_picture(as_alice, body, pictures, alice):
    before = pictures()
    type(alice.wallet).objects.filter(team=alice.team).update(balance=0)
    assert as_alice.post("/v1/videos", body()).status_code == 429
    assert pictures() in {before, before + 1}  # the empty folder may stay behind
    for folder in default_storage.listdir(f"teams/{alice.team.pk}/videos")[0]:
        assert default_storage.listdir(f"teams/{alice.team.pk}/videos/{folder}")[1] == []


def test_what_counts_as_an_outage():
    frozen = InternalError("terminating connection due to idle-in-transaction timeout")
    frozen.__cause__ = errors.IdleInTransactionSessionTimeout()
    assert is_transient(frozen)
    assert is_transient(OperationalError())
    assert not is_transient(InternalError())
    assert not is_transient(ValueError())
