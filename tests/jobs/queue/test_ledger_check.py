"""The ledger check finds every kind of discrepancy, and nothing in a healthy system."""

import uuid
from collections.abc import Callable, Iterator

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection
from structlog.testing import capture_logs

from accounts.quota.models import LedgerEntry, UsageDay, Wallet
from jobs.models import Job
from jobs.queue.claim import claim_job
from jobs.queue.finish import AttemptResult, complete_job
from jobs.queue.ledger_check import check_ledger, find_discrepancies, find_missing_results


@pytest.fixture
def completed(submit: Callable[..., Job]) -> Iterator[Job]:
    """One of two jobs is completed; the other one is queued."""
    submit()
    submit()
    job = claim_job(pool="cpu", worker_id=uuid.uuid4(), models=["camera"], vram_mb=0)
    assert job is not None
    default_storage.save("audit/r.mp4", ContentFile(b"x"))
    result = AttemptResult(result_key="audit/r.mp4", poster_key="audit/r.mp4", result_bytes=1, gpu_seconds=0.1)
    assert complete_job(fence=job.fence, result=result)
    job.refresh_from_db()
    yield job
    default_storage.delete("audit/r.mp4")


def test_a_healthy_system_has_no_discrepancies(completed: Job, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("check_ledger")
    assert "agree" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("tamper", "rule"),
    [
        (lambda job: Wallet.objects.update(balance=7), "wallet is not the sum"),
        (lambda job: Wallet.objects.update(reserved=7), "wallet is not the sum"),
        (lambda job: _sql("DELETE FROM quota_ledgerentry WHERE kind = 'reserve'"), "without exactly one reserve"),
        (
            lambda job: _sql("DELETE FROM quota_ledgerentry WHERE kind = 'settle'"),
            "without exactly one settle or release",
        ),
        (lambda job: _sql("UPDATE quota_ledgerentry SET kind = 'release' WHERE kind = 'settle'"), "settled but not"),
        (lambda job: _sql("UPDATE jobs_job SET charged_credits = 0 WHERE state = 'completed'"), "charge differs from"),
        (lambda job: _release_unfinished_job(), "unfinished job with a settle"),
        (
            lambda job: _sql("UPDATE quota_ledgerentry SET job_id = gen_random_uuid() WHERE kind = 'settle'"),
            "of a missing job",
        ),
        (lambda job: UsageDay.objects.update(credits=7), "usage by day"),
        (lambda job: UsageDay.objects.update(videos=7), "usage by day"),
        (lambda job: UsageDay.objects.update(completed=7), "usage by day"),
        (lambda job: UsageDay.objects.update(gpu_seconds=7), "usage by day"),
        (lambda job: UsageDay.objects.update(model="another"), "usage by day"),
        (lambda job: UsageDay.objects.update(day="2020-02-02"), "usage by day"),
        (lambda job: UsageDay.objects.all().delete(), "usage by day"),
        (lambda job: Wallet.objects.update(stored_bytes=7), "stored bytes"),
    ],
    ids=[
        *("balance", "reserved", "reserve", "settle", "release", "charge", "early release", "unknown job"),
        *("credits used", "videos", "completed", "GPU", "model", "day", "no usage", "stored"),
    ],
)
def test_every_discrepancy_is_found(tamper: Callable[[Job], object], rule: str, completed: Job) -> None:
    tamper(completed)
    assert any(rule in discrepancy.rule for discrepancy in find_discrepancies())
    with pytest.raises(CommandError):
        call_command("check_ledger")


def test_the_task_logs_each_discrepancy(completed: Job) -> None:
    with capture_logs() as logs:
        assert check_ledger() == 0
        Wallet.objects.filter(team=completed.team).update(balance=7)
        assert check_ledger() == 1
    assert [(log["event"], log["rule"]) for log in logs] == [
        ("ledger_discrepancy_found", "wallet is not the sum of its ledger")
    ]
    assert logs[0]["location"].startswith(f"team {completed.team_id}: ")


def test_a_missing_result_is_found(completed: Job) -> None:
    default_storage.delete(completed.result_key)
    assert [discrepancy.rule for discrepancy in find_missing_results()] == ["published file is missing"] * 2


def _sql(statement: str) -> None:
    """Execute a statement without the triggers, as somebody with the database password could."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement)
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")


def _release_unfinished_job() -> None:
    job = Job.objects.get(state="queued")
    LedgerEntry.objects.create(team_id=job.team_id, kind="release", job_id=job.id, balance_delta=0, reserved_delta=0)
