"""The statistics of the dashboard."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.quota.models import UsageDay
from accounts.quota.services import grant
from jobs.models import Job, Worker
from jobs.queue.eta import HEARTBEAT_MAX_AGE_SECONDS
from jobs.states import State
from portal.admin import statistics
from tests.support.people import Person

MakeJob = Callable[..., Job]


def test_without_any_row_there_is_nothing(db: None) -> None:
    assert statistics.pool_totals() == []
    assert statistics.list_workers() == []
    assert statistics.unsuccessful_jobs(7) == []
    assert statistics.top_teams(7) == []
    assert [(day.credits, day.videos, day.granted) for day in statistics.daily_totals(2)] == [(0, 0, 0)] * 2


def test_pools_with_unfinished_videos(alice: Person, make_job: MakeJob) -> None:
    first, second = make_job(alice, pool="gpu"), make_job(alice, pool="gpu")
    make_job(alice, State.IN_PROGRESS, pool="cpu")
    make_job(alice, State.COMPLETED, pool="other")
    cpu, gpu = statistics.pool_totals()
    first.refresh_from_db()
    second.refresh_from_db()
    assert (cpu.name, cpu.queued, cpu.running, cpu.oldest_queued_at) == ("cpu", 0, 1, None)
    assert (gpu.name, gpu.queued, gpu.running) == ("gpu", 2, 0)
    assert gpu.oldest_queued_at == min(job.queued_at for job in (first, second))


@pytest.mark.parametrize(("age_seconds", "is_alive"), [(0, True), (HEARTBEAT_MAX_AGE_SECONDS + 60, False)])
def test_a_worker_is_alive_if_its_heartbeat_is_recent(age_seconds: float, is_alive: bool, db: None) -> None:
    sent_at = timezone.now() - timedelta(seconds=age_seconds)
    Worker.objects.create(name="w", pool="cpu", model="camera", device="cpu", last_heartbeat_at=sent_at)
    (found,) = statistics.list_workers()
    assert found.is_alive is is_alive  # type: ignore[attr-defined]


def use(person: Person, *, days_ago: int, **numbers: Any) -> None:
    day = timezone.now().date() - timedelta(days=days_ago)
    UsageDay.objects.create(team=person.team, user=person.user, model="camera", day=day, **numbers)


def test_totals_by_day(alice: Person, charlie: Person) -> None:
    before = statistics.daily_totals(1)[0].granted
    grant(team=alice.team, credits=70, reason="a launch")
    use(alice, days_ago=0, credits=5, videos=2, completed=1)
    use(charlie, days_ago=0, credits=3, videos=1, completed=1)
    use(alice, days_ago=1, credits=9, videos=9, completed=9)
    use(alice, days_ago=2, credits=100, videos=100, completed=100)
    yesterday, today = statistics.daily_totals(2)
    assert (yesterday.credits, yesterday.videos, yesterday.completed, yesterday.granted) == (9, 9, 9, 0)
    assert (today.credits, today.videos, today.completed, today.granted - before) == (8, 3, 2, 70)


def test_unsuccessful_videos_by_state_and_code(alice: Person, make_job: MakeJob) -> None:
    for code in ("engine_crashed", "engine_crashed", "gpu_lost"):
        make_job(alice, State.FAILED, error_code=code)
    make_job(alice, State.CANCELED)
    make_job(alice, State.COMPLETED)
    found = [(row["state"], row["error_code"], row["jobs"]) for row in statistics.unsuccessful_jobs(1)]
    assert found[0] == (State.FAILED, "engine_crashed", 2)
    assert sorted(found[1:]) == [(State.CANCELED, "", 1), (State.FAILED, "gpu_lost", 1)]


def test_the_teams_that_spent_most_come_first(alice: Person, charlie: Person, adele: Person) -> None:
    use(alice, days_ago=0, credits=5, videos=2)
    use(charlie, days_ago=6, credits=8, videos=1)
    use(charlie, days_ago=7, credits=100, videos=1)  # before the range
    use(adele, days_ago=0, credits=0, videos=0)
    found = [(row["team"], row["spent"], row["submitted"]) for row in statistics.top_teams(7)]
    assert found == [(charlie.team.pk, 8, 1), (alice.team.pk, 5, 2)]
