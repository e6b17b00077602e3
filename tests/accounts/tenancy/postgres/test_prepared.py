"""Migrations that change a column's type while sessions have prepared statements cause no server errors."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError, connection
from django.test import Client

from jobs.models import Job
from jobs.queue.claim import claim_job
from tests.support.api_client import ApiClient
from tests.support.images import png
from tests.support.people import Person

pytestmark = pytest.mark.django_db(transaction=True)

# More executions than are needed until a statement is prepared.
_ENOUGH = 8


def in_another_session(statement: str) -> None:
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute(statement)
    finally:
        other.close()


@pytest.fixture
def retype() -> Iterator[Callable[..., None]]:
    """Change a column's type as a migration of a newer release does, and restore it afterwards."""
    undo: list[str] = []

    def change(table: str, column: str, *, old: str, new: str) -> None:
        alter = f"ALTER TABLE {table} ALTER COLUMN {column} TYPE"
        undo.append(f"{alter} {old}")
        in_another_session(f"{alter} {new}")

    yield change
    for statement in undo:
        in_another_session(statement)


def prepared() -> int:
    """Return the number of prepared statements of this session."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements")
        return int(cursor.fetchone()[0])


def backend() -> int:
    return int(connection.connection.info.backend_pid)


def test_polling_continues(
    submit: Callable[..., Job], as_alice: ApiClient, retype: Callable[..., None], django_assert_num_queries: Any
) -> None:
    """The fast path and the normal path, which looks up the key with its own statement."""
    address = f"/v1/videos/{submit().public_id}"
    both = [address, f"{address}?wait=0"]
    before = [as_alice.get(each) for each in both * _ENOUGH]
    session = backend()
    retype("accounts_apikey", "requests_per_minute", old="integer", new="bigint")
    after = [as_alice.get(each) for each in reversed(both * _ENOUGH)]
    assert [response.status_code for response in before + after] == [200] * 4 * _ENOUGH
    assert {response.content for response in before + after} == {before[0].content}
    with django_assert_num_queries(2):  # the video by its key, and its position in the queue
        assert as_alice.get(address).status_code == 200
    assert prepared()  # prepared again, in the same session
    assert backend() == session


@pytest.mark.parametrize(("path", "accepted"), [("/v1/videos", 202), ("/", 302)])
def test_a_submission_in_a_transaction_can_be_retried(
    path: str, accepted: int, alice: Person, retype: Callable[..., None]
) -> None:
    """Signed in, so that no statement before the transaction selects the column."""
    client = Client(raise_request_exception=False)
    client.force_login(alice.user)

    def send() -> Any:
        picture = SimpleUploadedFile("a.png", png(), "image/png")
        settings = {"prompt": "the camera pans left", "resolution": "256p", "num_frames": 8}
        return client.post(path, {**settings, "image": picture})

    assert [send().status_code for _ in range(_ENOUGH)] == [accepted] * _ENOUGH
    retype("accounts_membership", "role", old="varchar(10)", new="varchar(40)")
    refused = send()
    assert refused.status_code == 503
    assert refused["Retry-After"]
    assert alice.wallet.reserved == sum(Job.objects.values_list("quoted_credits", flat=True))
    assert [send().status_code for _ in range(_ENOUGH)] == [accepted] * _ENOUGH
    assert Job.objects.count() == 2 * _ENOUGH


def test_a_claim_treats_it_as_an_outage(submit: Callable[..., Job], retype: Callable[..., None]) -> None:
    """The worker waits one second and claims again."""
    job = submit()
    arguments: dict[str, Any] = {"pool": "cpu", "worker_id": job.pk, "vram_mb": 0}
    assert [claim_job(models=[], **arguments) for _ in range(_ENOUGH)] == [None] * _ENOUGH
    retype("jobs_job", "expires_at", old="timestamptz", new="timestamptz(3)")
    with pytest.raises(OperationalError):
        claim_job(models=["camera"], **arguments)
    assert claim_job(models=["camera"], **arguments) == job
