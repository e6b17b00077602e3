"""Monthly grants: exactly one per team and month, no matter which process runs them, how often or how late."""

import threading
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
import time_machine
from django.core.management import call_command
from django.db import connections

from accounts.models import Team, User
from accounts.quota import grants, services
from accounts.quota.grants import grant_due_monthly_credits
from accounts.quota.models import LedgerEntry, Plan, PlanOverride, Wallet
from accounts.quota.usage_key import UsageKey
from accounts.teams.services import provision_team

STARTING = 1000
MARCH, APRIL, MAY, JUNE = (datetime(2031, month, 1, 0, 0, 1, tzinfo=UTC) for month in (3, 4, 5, 6))
NewTeam = Callable[..., Team]


@pytest.fixture
def new_team(db: None) -> NewTeam:
    """Create a team on its own plan with these monthly credits."""

    def make(name: str = "studio", *, monthly: int | None = 100, rollover: bool = False) -> Team:
        team = provision_team(name=name, owner=User.objects.create_user(f"{name}@example.com"))
        plan = Plan.objects.create(name=name, monthly_credits=monthly, rollover=rollover)
        Wallet.objects.filter(team=team).update(plan=plan)
        return team

    return make


def monthly_rows(team: Team) -> list[tuple[str, date | None, int]]:
    rows = LedgerEntry.objects.for_team(team).filter(period__isnull=False).order_by("id")
    return list(rows.values_list("kind", "period", "balance_delta"))


def balance(team: Team) -> int:
    return Wallet.objects.get(team=team).balance


def usage_key_of(team: Team) -> UsageKey:
    return UsageKey(team_id=team.pk, user_id=None, api_key_id=None, model="camera", day=date(2031, 1, 1))


def reserve(team: Team, amount: int) -> uuid.UUID:
    return services.reserve(usage_key=usage_key_of(team), job_id=uuid.uuid4(), credits=amount)


def release(team: Team, job_id: uuid.UUID, amount: int) -> None:
    services.release(usage_key=usage_key_of(team), job_id=job_id, reserved=amount)


def spend(team: Team, amount: int) -> None:
    job_id = reserve(team, amount)
    services.settle(
        usage_key=usage_key_of(team), job_id=job_id, reserved=amount, charged=amount, gpu_seconds=1, stored_bytes=0
    )


def assert_ledger_matches(team: Team) -> None:
    """Compare wallet and ledger as `check_ledger` does, whose other rules need rows of jobs."""
    wallet = Wallet.objects.get(team=team)
    rows = LedgerEntry.objects.for_team(team)
    assert wallet.balance == sum(rows.values_list("balance_delta", flat=True))
    assert wallet.reserved == sum(rows.values_list("reserved_delta", flat=True))


def test_each_team_gets_one_grant_per_month(new_team: NewTeam) -> None:
    team, other = new_team(), new_team("other", monthly=None)
    with time_machine.travel(datetime(2031, 3, 31, 23, 59, 59, tzinfo=UTC), tick=False) as clock:
        assert grant_due_monthly_credits() == 1
        assert grant_due_monthly_credits() == 0
        assert monthly_rows(team) == [("grant", date(2031, 3, 1), 100)]
        clock.move_to(APRIL)
        assert (grant_due_monthly_credits(), grant_due_monthly_credits()) == (1, 0)
    assert monthly_rows(team)[1:] == [("adjust", date(2031, 3, 1), -100), ("grant", date(2031, 4, 1), 100)]
    assert balance(team) == STARTING + 100
    assert monthly_rows(other) == []
    call_command("check_ledger")


def test_months_are_in_utc(new_team: NewTeam) -> None:
    team = new_team()
    with time_machine.travel(datetime.fromisoformat("2031-04-01T01:00:00+02:00"), tick=False):
        grant_due_monthly_credits()
    assert monthly_rows(team) == [("grant", date(2031, 3, 1), 100)]


@pytest.mark.parametrize("rollover", [False, True])
def test_after_three_days_of_downtime_there_is_one_grant(rollover: bool, new_team: NewTeam) -> None:
    team = new_team(rollover=rollover)
    grant_due_monthly_credits(now=datetime(2031, 3, 30, tzinfo=UTC))
    late = datetime(2031, 4, 2, tzinfo=UTC)
    assert [grant_due_monthly_credits(now=late) for _ in range(2)] == [1, 0]
    granted = [row for row in monthly_rows(team) if row[0] == "grant"]
    assert granted == [("grant", date(2031, 3, 1), 100), ("grant", date(2031, 4, 1), 100)]


def test_rollover_grants_every_missed_month(new_team: NewTeam) -> None:
    team = new_team(rollover=True)
    grant_due_monthly_credits(now=MARCH)
    assert [grant_due_monthly_credits(now=JUNE) for _ in range(2)] == [1, 0]
    assert monthly_rows(team) == [("grant", date(2031, month, 1), 100) for month in (3, 4, 5, 6)]
    assert balance(team) == STARTING + 400


def test_without_rollover_only_the_current_month_is_granted(new_team: NewTeam) -> None:
    team = new_team()
    grant_due_monthly_credits(now=MARCH)
    grant_due_monthly_credits(now=JUNE)
    assert monthly_rows(team)[1:] == [("adjust", date(2031, 3, 1), -100), ("grant", date(2031, 6, 1), 100)]


@pytest.mark.django_db(transaction=True)
def test_concurrent_processes_make_one_grant(new_team: NewTeam) -> None:
    teams = [new_team(f"team{number}") for number in range(5)]
    grant_due_monthly_credits(now=MARCH)
    start, counts = threading.Barrier(4), list[int]()

    def run() -> None:
        start.wait()
        counts.append(grant_due_monthly_credits(now=APRIL))
        connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == len(teams)
    for team in teams:
        assert [row[2] for row in monthly_rows(team)] == [100, -100, 100]
        assert_ledger_matches(team)


def test_a_second_process_makes_no_grant(new_team: NewTeam) -> None:
    team = new_team()
    assert grants._grant_to(team.pk, date(2031, 3, 1))
    assert not grants._grant_to(team.pk, date(2031, 3, 1))


@pytest.mark.parametrize(("spent", "expired"), [(0, 100), (30, 70), (100, 0), (170, 0)])
def test_monthly_credits_are_spent_first_and_the_rest_expires(spent: int, expired: int, new_team: NewTeam) -> None:
    team = new_team()
    grant_due_monthly_credits(now=MARCH)
    if spent:
        spend(team, spent)
    grant_due_monthly_credits(now=APRIL)
    assert balance(team) == STARTING + 100 - spent - expired + 100
    assert [-row[2] for row in monthly_rows(team) if row[0] == "adjust"] == ([expired] if expired else [])
    assert_ledger_matches(team)


def test_grants_by_administrators_do_not_expire(new_team: NewTeam) -> None:
    team = new_team()
    grant_due_monthly_credits(now=MARCH)
    services.grant(team=team, credits=500, reason="thanks")
    spend(team, 40)
    for month in (APRIL, MAY, JUNE):
        grant_due_monthly_credits(now=month)
    assert balance(team) == STARTING + 500 + 100


def test_no_more_expires_than_the_balance(new_team: NewTeam) -> None:
    team = new_team()
    grant_due_monthly_credits(now=MARCH)
    services.adjust(team=team, credits=-(STARTING + 60), reason="a mistake")
    grant_due_monthly_credits(now=APRIL)
    assert [row[2] for row in monthly_rows(team)] == [100, -40, 100]
    assert balance(team) == 100
    assert_ledger_matches(team)


def test_reserves_released_after_the_month_expire_with_the_next_grant(new_team: NewTeam) -> None:
    team = new_team()
    grant_due_monthly_credits(now=MARCH)
    job = reserve(team, 80)
    grant_due_monthly_credits(now=APRIL)  # 20 expire, 80 are reserved
    assert balance(team) == STARTING + 100
    release(team, job, 80)
    assert balance(team) == STARTING + 180
    spend(team, 10)
    grant_due_monthly_credits(now=MAY)
    assert balance(team) == STARTING + 100
    assert_ledger_matches(team)


def test_reserves_from_other_credits_do_not_expire(new_team: NewTeam) -> None:
    team = new_team()
    grant_due_monthly_credits(now=MARCH)
    spend(team, 100)
    job = reserve(team, 60)  # of the starting credits
    grant_due_monthly_credits(now=APRIL)
    release(team, job, 60)
    for month in (MAY, JUNE):
        grant_due_monthly_credits(now=month)
    assert balance(team) == STARTING + 100
    assert_ledger_matches(team)


def test_a_team_moved_to_the_plan_gets_the_current_month(new_team: NewTeam) -> None:
    team, plan = new_team(monthly=None), Plan.objects.create(name="new", monthly_credits=70, rollover=True)
    assert grant_due_monthly_credits(now=datetime(2031, 4, 17, tzinfo=UTC)) == 0
    Wallet.objects.filter(team=team).update(plan=plan)
    assert grant_due_monthly_credits(now=datetime(2031, 4, 17, 1, tzinfo=UTC)) == 1
    assert monthly_rows(team) == [("grant", date(2031, 4, 1), 70)]


def test_months_on_a_plan_without_monthly_credits_are_not_granted_later(new_team: NewTeam) -> None:
    team = new_team(rollover=True)
    with_credits = Wallet.objects.get(team=team).plan
    grant_due_monthly_credits(now=MARCH)
    Wallet.objects.filter(team=team).update(plan=Plan.objects.create(name="none"))
    for month in (APRIL, MAY, JUNE):
        assert grant_due_monthly_credits(now=month) == 0
    Wallet.objects.filter(team=team).update(plan=with_credits)
    grant_due_monthly_credits(now=datetime(2031, 6, 20, tzinfo=UTC))
    assert [row[1] for row in monthly_rows(team)] == [date(2031, 3, 1), date(2031, 6, 1)]


@pytest.mark.parametrize(("override", "granted"), [({"monthly_credits": 7}, [7]), ({"monthly_credits": 0}, [])])
def test_an_override_replaces_the_plan(override: dict[str, int], granted: list[int], new_team: NewTeam) -> None:
    team = new_team()
    PlanOverride.objects.create(team=team, **override)
    grant_due_monthly_credits(now=MARCH)
    assert [row[2] for row in monthly_rows(team)] == granted


def test_a_deleted_team_gets_nothing(new_team: NewTeam) -> None:
    team = new_team()
    Team.objects.filter(pk=team.pk).update(deleted_at=MARCH)
    assert grant_due_monthly_credits(now=APRIL) == 0


def test_a_slow_clock_grants_nothing_twice(new_team: NewTeam) -> None:
    team = new_team()
    grant_due_monthly_credits(now=APRIL)
    assert grant_due_monthly_credits(now=MARCH) == 0
    assert len(monthly_rows(team)) == 1


def test_the_command_prints_the_number_of_teams(new_team: NewTeam, capsys: pytest.CaptureFixture[str]) -> None:
    new_team()
    call_command("grant_monthly_credits")
    call_command("grant_monthly_credits")
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines()] == ["1", "0"]
