"""Claim, renew, finish, cancel, crash: state, credits and events change together, and only for the attempt's fence."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts.models import Team
from accounts.quota.models import LedgerEntry, Plan, Wallet
from common.messages import Message
from jobs.fencing import Fence
from jobs.models import Job, JobEvent, Priority
from jobs.queue import reconcile
from jobs.queue.cancel import cancel_job, delete_job
from jobs.queue.claim import _CLAIM, claim_job
from jobs.queue.finish import AttemptResult, complete_job, confirm_cancel, fail_job, record_crash, requeue_job
from jobs.queue.lease import renew_lease
from jobs.states import TERMINAL, State
from jobs.storage.files import delete_folder
from jobs.videos import cleanup
from tests.support.api_client import ApiClient
from tests.support.people import Person

WORKER = uuid.uuid4()
PUBLISHED = AttemptResult(result_key="r.mp4", poster_key="p.jpg", result_bytes=9, gpu_seconds=0.4)


def claim(models: tuple[str, ...] = ("camera",), vram_mb: int = 0) -> Job | None:
    return claim_job(pool="cpu", worker_id=WORKER, models=models, vram_mb=vram_mb)


def claim_next() -> Job:
    job = claim()
    assert job is not None
    return job


def submit_and_claim(submit: Callable[..., Job]) -> Job:
    submit()
    return claim_next()


def ledger_sums(team: Team) -> tuple[int, int]:
    """Return the balance and the reserved credits, after a comparison of wallet and ledger."""
    wallet = Wallet.objects.get(team=team)
    entries = LedgerEntry.objects.filter(team=team)
    sums = sum(entry.balance_delta for entry in entries), sum(entry.reserved_delta for entry in entries)
    assert sums == (wallet.balance, wallet.reserved)
    return sums


def event_kinds(job: Job) -> list[str]:
    return list(JobEvent.objects.filter(job=job).order_by("id").values_list("kind", flat=True))


def test_claim_leases_the_job(submit: Callable[..., Job]) -> None:
    job = submit_and_claim(submit)
    assert (job.state, job.attempt, job.lease_owner) == (State.IN_PROGRESS, 1, WORKER)
    assert job.lease_until is not None
    assert 25 < (job.lease_until - timezone.now()).total_seconds() < 31
    assert event_kinds(job) == ["queued", "started"]
    assert claim() is None


def test_success_is_charged_at_most_the_quote(submit: Callable[..., Job], alice: Person) -> None:
    job = submit_and_claim(submit)
    expensive = AttemptResult(result_key="r.mp4", poster_key="p.jpg", result_bytes=9, gpu_seconds=1e6)
    assert complete_job(fence=job.fence, result=expensive)
    job.refresh_from_db()
    assert (job.state, job.progress, job.charged_credits) == (State.COMPLETED, 100, job.quoted_credits)
    assert ledger_sums(alice.team) == (1000 - job.quoted_credits, 0)
    assert event_kinds(job) == ["queued", "started", "completed"]


def test_completing_twice_charges_once_and_returns_true(submit: Callable[..., Job], alice: Person) -> None:
    job = submit_and_claim(submit)
    assert complete_job(fence=job.fence, result=PUBLISHED)
    after = ledger_sums(alice.team)
    assert complete_job(fence=job.fence, result=PUBLISHED)
    assert ledger_sums(alice.team) == after


@pytest.mark.parametrize(
    "write",
    [
        lambda fence: complete_job(fence=fence, result=PUBLISHED),
        lambda fence: fail_job(fence=fence, code="x", message=Message("x")),
        lambda fence: record_crash(fence=fence, code="x", message=Message("x")),
        lambda fence: confirm_cancel(fence=fence),
        lambda fence: requeue_job(fence=fence),
        lambda fence: renew_lease(fence=fence, steps_done=3).held,
    ],
    ids=["complete", "fail", "crash", "cancel", "requeue", "renew"],
)
def test_a_fenced_off_attempt_writes_nothing(
    write: Callable[[Fence], bool], submit: Callable[..., Job], alice: Person
) -> None:
    first = submit_and_claim(submit)
    requeue_job(fence=first.fence)
    second = claim_next()
    assert second.attempt == 2
    before = ledger_sums(alice.team), Job.objects.values().get()
    assert write(first.fence) is False
    assert (ledger_sums(alice.team), Job.objects.values().get()) == before


@pytest.mark.parametrize("end", [fail_job, None], ids=["failed", "canceled"])
def test_a_job_without_a_video_is_not_charged(end: Any, submit: Callable[..., Job], alice: Person) -> None:
    job = submit_and_claim(submit)
    if end:
        assert end(fence=job.fence, code="out_of_memory", message=Message("Too large."))
    else:
        cancel_job(job=job)
        assert renew_lease(fence=job.fence, steps_done=1).cancel_requested
        assert confirm_cancel(fence=job.fence)
    job.refresh_from_db()
    assert job.state == (State.FAILED if end else State.CANCELED)
    assert job.charged_credits is None
    assert ledger_sums(alice.team) == (1000, 0)


def test_three_crashes_fail_the_job(submit: Callable[..., Job], alice: Person) -> None:
    submit()
    for crashes in (1, 2, 3):
        Job.objects.filter(state=State.QUEUED).update(not_before=None)
        job = claim_next()
        assert record_crash(fence=job.fence, code="engine_crashed", message=Message("The engine crashed."))
        job.refresh_from_db()
        assert (job.crash_count, job.attempt) == (crashes, crashes)
        if crashes < 3:
            assert (job.state, claim()) == (State.QUEUED, None)  # not before its delay
    assert (job.state, job.error_code) == (State.FAILED, "engine_crashed")
    assert ledger_sums(alice.team) == (1000, 0)


def test_requeueing_counts_no_crash(submit: Callable[..., Job], alice: Person) -> None:
    job = submit_and_claim(submit)
    assert requeue_job(fence=job.fence)
    job.refresh_from_db()
    assert (job.state, job.crash_count, job.steps_done) == (State.QUEUED, 0, 0)
    assert claim() is not None


def test_a_queued_job_is_canceled_at_once_and_repeatedly(submit: Callable[..., Job], alice: Person) -> None:
    job = submit()
    cancel_job(job=job)
    cancel_job(job=job)
    job.refresh_from_db()
    assert job.state == State.CANCELED
    assert ledger_sums(alice.team) == (1000, 0)
    assert claim() is None


def test_a_requested_cancellation_survives_a_crash_and_a_drain(submit: Callable[..., Job]) -> None:
    ends: tuple[Callable[[Fence], bool], ...] = (
        lambda fence: record_crash(fence=fence, code="x", message=Message("x")),
        lambda fence: requeue_job(fence=fence),
    )
    for end in ends:
        job = submit_and_claim(submit)
        cancel_job(job=job)
        assert end(job.fence)
        job.refresh_from_db()
        assert job.state == State.CANCELED


def test_a_job_with_an_expired_lease_is_requeued(submit: Callable[..., Job]) -> None:
    job = submit_and_claim(submit)
    assert reconcile.recover_expired_leases() == 0
    Job.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert reconcile.recover_expired_leases() == 1
    job.refresh_from_db()
    assert (job.state, job.crash_count) == (State.QUEUED, 1)
    assert not complete_job(fence=job.fence, result=PUBLISHED)


def test_a_passed_deadline_expires_the_job(submit: Callable[..., Job], alice: Person) -> None:
    job = submit()
    Job.objects.update(deadline_at=timezone.now() - timedelta(seconds=1))
    assert claim() is None
    assert reconcile.expire_deadlines() == 1
    job.refresh_from_db()
    assert (job.state, job.error_code) == (State.EXPIRED, "deadline_passed")
    assert ledger_sums(alice.team) == (1000, 0)


def test_a_worker_claims_only_jobs_that_fit_its_models_and_memory(submit: Callable[..., Job]) -> None:
    submit()
    assert claim(models=("i2vgen-xl",)) is None
    Job.objects.update(vram_mb=16_000)
    assert claim(vram_mb=8_000) is None
    assert claim(vram_mb=16_000) is not None


def test_priority_then_age_within_a_team(submit: Callable[..., Job]) -> None:
    first, second, urgent = submit(), submit(), submit()
    Job.objects.filter(pk=urgent.pk).update(priority=Priority.HIGH)
    Plan.objects.update(max_running=10)
    assert [claim_next().pk for _ in range(3)] == [urgent.pk, first.pk, second.pk]


def test_waiting_raises_the_priority(submit: Callable[..., Job], settings: Any) -> None:
    settings.PRIORITY_AGING_SECONDS = 60
    low, high = submit(priority="low"), submit(priority="high")
    Job.objects.filter(pk=low.pk).update(queued_at=timezone.now() - timedelta(seconds=100))
    assert claim_next().pk == high.pk  # 0 + 1.7 < 2
    another = submit(priority="high")
    Job.objects.filter(pk=low.pk).update(queued_at=timezone.now() - timedelta(seconds=130))
    assert [claim_next().pk, claim_next().pk] == [low.pk, another.pk]


def test_a_flood_of_one_team_does_not_delay_another(
    submit: Callable[..., Job], as_charlie: ApiClient, body: Callable[..., dict[str, Any]]
) -> None:
    Plan.objects.update(max_running=100)
    for _ in range(10):
        submit()
    for _ in range(3):
        claim()
    assert as_charlie.post("/v1/videos", body()).status_code == 202
    late = Job.objects.latest("id")
    assert claim_next().pk == late.pk


def test_weights_share_the_claims(
    submit: Callable[..., Job], as_charlie: ApiClient, charlie: Person, body: Callable[..., dict[str, Any]]
) -> None:
    heavy = Plan.objects.create(name="heavy", weight=3, max_running=100)
    Plan.objects.update(max_running=100)
    Wallet.objects.filter(team=charlie.team).update(plan=heavy)
    for _ in range(8):
        submit()
        as_charlie.post("/v1/videos", body())
    teams = [claim_next().team_id for _ in range(8)]
    assert teams.count(charlie.team.pk) == 6


def test_the_plan_limits_running_jobs(submit: Callable[..., Job]) -> None:
    Plan.objects.update(max_running=2)
    for _ in range(3):
        submit()
    assert [claim() is not None for _ in range(3)] == [True, True, False]


def test_deleting_cancels_first_and_keeps_the_row(
    submit: Callable[..., Job], alice: Person, as_alice: ApiClient
) -> None:
    job = submit()
    delete_job(job=job)
    job.refresh_from_db()
    assert (job.state, job.deleted_at is not None) == (State.CANCELED, True)
    assert as_alice.get(f"/v1/videos/{job.public_id}").status_code == 404


@pytest.mark.parametrize("state", TERMINAL)
def test_the_database_refuses_to_change_a_finished_job(state: State, submit: Callable[..., Job]) -> None:
    job = submit()
    columns: dict[str, Any] = {"state": state, "finished_at": timezone.now()}
    if state == State.COMPLETED:
        columns |= {"result_key": "r.mp4", "charged_credits": 1}
    Job.objects.filter(pk=job.pk).update(**columns)
    with pytest.raises(Exception, match="Cannot update"), transaction.atomic():
        Job.objects.filter(pk=job.pk).update(prompt="another")
    with pytest.raises(Exception, match="Cannot delete"), transaction.atomic():
        Job.objects.filter(pk=job.pk).delete()
    assert Job.objects.filter(pk=job.pk).update(deleted_at=timezone.now()) == 1


@pytest.mark.parametrize(
    "columns",
    [
        {"state": "in_progress"},
        {"lease_owner": WORKER},
        {"state": "failed"},
        {"finished_at": timezone.now()},
        {"state": "completed", "finished_at": timezone.now(), "charged_credits": 1},
        {"result_key": "x"},
        {"charged_credits": 1},
        {"state": "sleeping"},
    ],
    ids=lambda columns: "+".join(columns) + columns.get("state", ""),
)
def test_the_database_refuses_impossible_rows(columns: dict[str, Any], submit: Callable[..., Job]) -> None:
    job = submit()
    with pytest.raises(IntegrityError), transaction.atomic():
        Job.objects.filter(pk=job.pk).update(**columns)


def test_the_ledger_is_append_only_and_settles_once(submit: Callable[..., Job], alice: Person) -> None:
    job = submit_and_claim(submit)
    complete_job(fence=job.fence, result=PUBLISHED)
    with pytest.raises(Exception, match="Cannot update or delete"), transaction.atomic():
        LedgerEntry.objects.update(balance_delta=0)
    with pytest.raises(Exception, match="Cannot update or delete"), transaction.atomic():
        LedgerEntry.objects.all().delete()
    for kind in ("reserve", "settle", "release"):
        with pytest.raises(IntegrityError), transaction.atomic():
            LedgerEntry.objects.create(team=alice.team, kind=kind, job_id=job.id, balance_delta=0, reserved_delta=0)
    with pytest.raises(IntegrityError), transaction.atomic():
        Wallet.objects.filter(team=alice.team).update(balance=-1)


def _fill_queue(job: Job) -> None:
    """Add 3,000 copies of the job and update the statistics of the table, which the planner relies on."""
    columns = {field.attname: getattr(job, field.attname) for field in Job._meta.concrete_fields if field.name != "id"}
    Job.objects.bulk_create(Job(**columns) for _ in range(3_000))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE jobs_job")


def test_the_queue_is_read_through_its_index(submit: Callable[..., Job]) -> None:
    job = submit()
    _fill_queue(job)
    with connection.cursor() as cursor:
        cursor.execute(
            "EXPLAIN SELECT id FROM jobs_job WHERE state = 'queued' AND pool = 'cpu' AND team_id = %s"
            " ORDER BY priority DESC, id LIMIT 1",
            [job.team_id],
        )
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "job_queue" in plan
    assert "Sort" not in plan


def test_the_claim_statement_never_reads_the_whole_table(submit: Callable[..., Job]) -> None:
    job = submit()
    _fill_queue(job)
    params: dict[str, Any] = {
        "pool": "cpu",
        "models": ["camera"],
        "vram_mb": 0,
        "priorities": Priority.values,
        "aging_seconds": 900,
    }
    params |= {"worker_id": uuid.uuid4(), "lease_seconds": 30, "first_tag": None}
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN " + _CLAIM, params)
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "on jobs_job" in plan
    assert "Seq Scan on jobs_job" not in plan


def test_a_fence_is_a_value() -> None:
    job_id = uuid.uuid4()
    assert Fence(job_id, 1) == Fence(job_id, 1) != Fence(job_id, 2)


def test_a_deadline_is_for_starting(submit: Callable[..., Job]) -> None:
    """A job that started in time and was requeued is still claimed after its deadline."""
    job = submit()
    Job.objects.update(deadline_at=timezone.now() + timedelta(seconds=60))
    first = claim_next()
    requeue_job(fence=first.fence)
    Job.objects.update(deadline_at=timezone.now() - timedelta(seconds=1))
    assert reconcile.expire_deadlines() == 0
    assert claim_next().pk == job.pk


def test_the_plan_limits_queued_jobs(
    submit: Callable[..., Job], as_alice: ApiClient, alice: Person, body: Callable[..., dict[str, Any]]
) -> None:
    Plan.objects.update(max_queued=2)
    submit()
    submit()
    response = as_alice.post("/v1/videos", body())
    assert (response.status_code, response.json()["error"]["code"]) == (429, "queue_full")
    assert (Job.objects.count(), alice.wallet.reserved) == (2, 2)


def test_the_position_follows_the_fair_share(
    submit: Callable[..., Job], as_charlie: ApiClient, body: Callable[..., dict[str, Any]]
) -> None:
    """Another team's backlog is not ahead as a whole: each team gets one job in turn."""
    for _ in range(5):
        submit()
    late = as_charlie.post("/v1/videos", body()).json()
    assert late["queue"]["position"] == 0
    assert as_charlie.post("/v1/videos", body()).json()["queue"]["position"] == 2


def test_a_folder_that_cannot_be_deleted_does_not_block_others(
    submit: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = submit(), submit()
    for job in (first, second):
        delete_job(job=job)

    def fail_for_first(folder: str) -> None:
        if first.id.hex in folder:
            raise PermissionError(folder)
        delete_folder(folder)

    monkeypatch.setattr(cleanup, "delete_folder", fail_for_first)
    assert cleanup.delete_due_files() == 1
    second.refresh_from_db()
    assert second.files_deleted_at is not None
