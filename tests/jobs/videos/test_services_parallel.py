"""200 concurrent submits through four web processes: with a limit of 50, exactly 50 are accepted."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from accounts.models import ApiKey, Membership
from accounts.quota.models import LedgerEntry, Plan, PlanOverride, UsageDay
from accounts.quota.services import grant
from jobs.models import Job
from jobs.queue.ledger_check import find_discrepancies
from tests.support.people import Person
from tests.support.web_processes import WebProcesses

CAPS: dict[str, tuple[Callable[[Person], Any], tuple[str, str, str]]] = {
    "team's credits": (
        lambda person: grant(team=person.team, credits=50 - person.wallet.balance, reason="for the test"),
        ("quota_exceeded", "team", "credits"),
    ),
    "key's credits": (
        lambda person: ApiKey.objects.update(credits_per_month=50),
        ("quota_exceeded", "key", "credits_per_month"),
    ),
    "member's credits": (
        lambda person: Membership.objects.update(credits_per_month=50),
        ("quota_exceeded", "member", "credits_per_month"),
    ),
    "videos a day": (
        lambda person: PlanOverride.objects.create(team=person.team, videos_per_day=50),
        ("quota_exceeded", "team", "videos_per_day"),
    ),
    "GPU-seconds": (
        lambda person: Plan.objects.update(gpu_seconds_per_month=50),
        ("quota_exceeded", "team", "gpu_seconds_per_month"),
    ),
    "queue": (
        lambda person: PlanOverride.objects.create(team=person.team, max_queued=50),
        ("queue_full", "team", "max_queued"),
    ),
}


@pytest.fixture
def own_media() -> None:
    """Store files as the settings say: the processes run for longer than a test and share the files."""


@pytest.fixture(scope="module")
def web(module_web_processes: Callable[..., WebProcesses]) -> WebProcesses:
    return module_web_processes(4)


@pytest.mark.usefixtures("transactional_db")
@pytest.mark.parametrize("name", CAPS)
def test_exactly_50_of_200_are_accepted(
    name: str, web: WebProcesses, alice: Person, body: Callable[..., dict[str, Any]]
) -> None:
    limit, refusal = CAPS[name]
    headers = alice.headers
    limit(alice)
    before = alice.wallet.balance
    with web.client(headers) as client, ThreadPoolExecutor(16) as pool:
        responses = list(pool.map(lambda _: client.post("/v1/videos", json=body()), range(200)))
    assert Counter(response.status_code for response in responses) == {202: 50, 429: 150}
    errors = [response.json()["error"] for response in responses if response.status_code == 429]
    assert {(error["code"], error["scope"], error["quota"]) for error in errors} == {refusal}
    assert Job.objects.count() == LedgerEntry.objects.filter(kind="reserve").count() == 50
    assert (alice.wallet.balance, alice.wallet.reserved) == (before - 50, 50)
    usage = UsageDay.objects.get()
    assert usage.api_key is not None
    assert (usage.credits, usage.videos, usage.api_key.team) == (50, 50, alice.team)
    assert not list(find_discrepancies())
