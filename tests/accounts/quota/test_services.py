"""Usage counts of each movement of credits, and the day on which it counts."""

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
import time_machine

from accounts.models import ApiKey
from accounts.quota.models import UsageDay, Wallet
from accounts.quota.services import free_storage
from common.messages import Message
from jobs.models import Job
from jobs.queue.cancel import cancel_job, delete_job
from jobs.queue.finish import fail_job
from jobs.queue.ledger_check import find_discrepancies
from jobs.videos.cleanup import delete_due_files
from tests.support import videos
from tests.support.people import Person
from tests.support.videos import claim_next

pytestmark = pytest.mark.django_db
Submit = Callable[..., Job]


def complete(job: Job, gpu_seconds: float = 1.25) -> None:
    videos.complete(job, gpu_seconds=gpu_seconds, result_bytes=4000)


def counted() -> list[tuple[int, int, int, float]]:
    return list(UsageDay.objects.order_by("id").values_list("credits", "videos", "completed", "gpu_seconds"))


def test_a_submission_counts_the_reserve_by_person_key_and_model(submit: Submit, alice: Person) -> None:
    job = submit()
    row = UsageDay.objects.get()
    assert (row.team, row.user, row.api_key, row.model) == (alice.team, alice.user, ApiKey.objects.get(), "camera")
    assert row.day == job.created_at.date()
    assert counted() == [(job.quoted_credits, 1, 0, 0)]
    submit()
    assert counted() == [(2 * job.quoted_credits, 2, 0, 0)]


def test_a_completed_video_counts_its_charge_and_stored_bytes(submit: Submit, alice: Person) -> None:
    submit(num_frames=32, resolution="512p")
    complete(claim_next())
    job = Job.objects.get()
    assert job.charged_credits is not None
    assert job.quoted_credits > job.charged_credits == 1
    assert counted() == [(1, 1, 1, 1.25)]
    assert alice.wallet.stored_bytes == 4000
    assert not list(find_discrepancies())


@pytest.mark.parametrize("end", ["cancel", "fail"])
def test_a_video_without_charge_counts_nothing(end: str, submit: Submit) -> None:
    job = submit()
    if end == "cancel":
        cancel_job(job=job)
    else:
        assert fail_job(fence=claim_next().fence, code="broken", message=Message("It broke."))
    assert counted() == [(0, 0, 0, 0)]
    assert not list(find_discrepancies())


def test_a_video_counts_on_the_day_of_its_submission(submit: Submit) -> None:
    with time_machine.travel(datetime(2026, 5, 31, 23, 59, 59, tzinfo=UTC), tick=False):
        submit()
    with time_machine.travel(datetime(2026, 6, 1, 0, 0, 1, tzinfo=UTC), tick=False):
        complete(claim_next())
        submit()
    assert list(UsageDay.objects.order_by("day").values_list("day", "videos", "completed")) == [
        (date(2026, 5, 31), 1, 1),
        (date(2026, 6, 1), 1, 0),
    ]
    assert not list(find_discrepancies())


def test_deleting_a_video_frees_its_bytes_once(submit: Submit, alice: Person) -> None:
    submit()
    complete(claim_next())
    delete_job(job=Job.objects.get())
    assert alice.wallet.stored_bytes == 4000
    assert (delete_due_files(), delete_due_files()) == (1, 0)
    assert alice.wallet.stored_bytes == 0
    assert not list(find_discrepancies())
    free_storage(team_id=alice.team.pk, stored_bytes=1)
    assert Wallet.objects.get(team=alice.team).stored_bytes == -1
    assert [discrepancy.rule for discrepancy in find_discrepancies()] == ["stored bytes are not the sum of the results"]
