"""The month turns: one grant each, whoever runs the job, however often and however late."""

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
    """A team on a plan of its own that gives so many credits a month."""

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


def promise(team: Team, amount: int) -> uuid.UUID:
    job_id = uuid.uuid4()
    services.reserve(usage_key=usage_key_of(team), job_id=job_id, credits=amount)
    return job_id


def give_back(team: Team, job_id: uuid.UUID, amount: int) -> None:
    services.release(usage_key=usage_key_of(team), job_id=job_id, reserved=amount)


def spend(team: Team, amount: int) -> None:
    job_id = promise(team, amount)
    services.settle(
        usage_key=usage_key_of(team), job_id=job_id, reserved=amount, charged=amount, gpu_seconds=1, stored_bytes=0
    )


def books_agree(team: Team) -> None:
    """As the audit compares them; jobs of these tests are none in the table of jobs."""
    wallet = Wallet.objects.get(team=team)
    rows = LedgerEntry.objects.for_team(team)
    assert wallet.balance == sum(rows.values_list("balance_delta", flat=True))
    assert wallet.reserved == sum(rows.values_list("reserved_delta", flat=True))


def test_the_month_turns_and_each_team_gets_its_grant_once(new_team: NewTeam) -> None:
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


def test_the_month_is_that_of_utc(new_team: NewTeam) -> None:
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
    given = [row for row in monthly_rows(team) if row[0] == "grant"]
    assert given == [("grant", date(2031, 3, 1), 100), ("grant", date(2031, 4, 1), 100)]


def test_after_three_months_rollover_makes_up_for_each_of_them(new_team: NewTeam) -> None:
    team = new_team(rollover=True)
    grant_due_monthly_credits(now=MARCH)
    assert [grant_due_monthly_credits(now=JUNE) for _ in range(2)] == [1, 0]
    assert monthly_rows(team) == [("grant", date(2031, month, 1), 100) for month in (3, 4, 5, 6)]
    assert balance(team) == STARTING + 400


def test_after_three_months_without_rollover_only_the_present_one_is_given(new_team: NewTeam) -> None:
    team = new_team()
    grant_due_monthly_credits(now=MARCH)
    grant_due_monthly_credits(now=JUNE)
    assert monthly_rows(team)[1:] == [("adjust", date(2031, 3, 1), -100), ("grant", date(2031, 6, 1), 100)]


@pytest.mark.django_db(transaction=True)
def test_processes_that_run_at_once_give_one_grant(new_team: NewTeam) -> None:
    teams = [new_team(f"team{number}") for number in range(5)]
    grant_due_monthly_credits(now=MARCH)
    start, given = threading.Barrier(4), []

    def run() -> None:
        start.wait()
        given.append(grant_due_monthly_credits(now=APRIL))
        connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(given) == len(teams)
    for team in teams:
        assert [row[2] for row in monthly_rows(team)] == [100, -100, 100]
        books_agree(team)


def test_the_slower_of_two_finds_it_done(new_team: NewTeam) -> None:
    team = new_team()
    assert grants._grant_to(team.pk, date(2031, 3, 1))
    assert not grants._grant_to(team.pk, date(2031, 3, 1))


@pytest.mark.parametrize(("spent", "ends"), [(0, 100), (30, 70), (100, 0), (170, 0)])
def test_monthly_credits_are_spent_first_and_what_they_leave_ends(spent: int, ends: int, new_team: NewTeam) -> None:
    team = new_team()
    grant_due_monthly_credits(now=MARCH)
    if spent:
        spend(team, spent)
    grant_due_monthly_credits(now=APRIL)
    assert balance(team) == STARTING + 100 - spent - ends + 100
    assert [-row[2] for row in monthly_rows(team) if row[0] == "adjust"] == ([ends] if ends else [])
    books_agree(team)


def test_what_administrators_give_stays(new_team: NewTeam) -> None:
    team = new_team()
    grant_due_monthly_credits(now=MARCH)
    services.grant(team=team, credits=500, reason="thanks")
    spend(team, 40)
    for month in (APRIL, MAY, JUNE):
        grant_due_monthly_credits(now=month)
    assert balance(team) == STARTING + 500 + 100


def test_never_more_ends_than_there_is(new_team: NewTeam) -> None:
    team = new_team()
    grant_due_monthly_credits(now=MARCH)
    services.adjust(team=team, credits=-(STARTING + 60), reason="a mistake")
    grant_due_monthly_credits(now=APRIL)
    assert [row[2] for row in monthly_rows(team)] == [100, -40, 100]
    assert balance(team) == 100
    books_agree(team)


def test_promises_that_come_back_after_the_turn_end_with_the_next(new_team: NewTeam) -> None:
    team = new_team()
    grant_due_monthly_credits(now=MARCH)
    job = promise(team, 80)
    grant_due_monthly_credits(now=APRIL)  # 20 end, 80 are promised
    assert balance(team) == STARTING + 100
    give_back(team, job, 80)
    assert balance(team) == STARTING + 180
    spend(team, 10)
    grant_due_monthly_credits(now=MAY)
    assert balance(team) == STARTING + 100
    books_agree(team)


def test_promises_made_of_other_credits_come_back_for_good(new_team: NewTeam) -> None:
    team = new_team()
    grant_due_monthly_credits(now=MARCH)
    spend(team, 100)
    job = promise(team, 60)  # of the starting credits
    grant_due_monthly_credits(now=APRIL)
    give_back(team, job, 60)
    for month in (MAY, JUNE):
        grant_due_monthly_credits(now=month)
    assert balance(team) == STARTING + 100
    books_agree(team)


def test_a_team_that_is_moved_onto_the_plan_gets_its_month_at_the_next_run(new_team: NewTeam) -> None:
    team, plan = new_team(monthly=None), Plan.objects.create(name="new", monthly_credits=70, rollover=True)
    assert grant_due_monthly_credits(now=datetime(2031, 4, 17, tzinfo=UTC)) == 0
    Wallet.objects.filter(team=team).update(plan=plan)
    assert grant_due_monthly_credits(now=datetime(2031, 4, 17, 1, tzinfo=UTC)) == 1
    assert monthly_rows(team) == [("grant", date(2031, 4, 1), 70)]


def test_months_on_a_plan_without_credits_are_not_made_up_for(new_team: NewTeam) -> None:
    team = new_team(rollover=True)
    with_credits = Wallet.objects.get(team=team).plan
    grant_due_monthly_credits(now=MARCH)
    Wallet.objects.filter(team=team).update(plan=Plan.objects.create(name="none"))
    for month in (APRIL, MAY, JUNE):
        assert grant_due_monthly_credits(now=month) == 0
    Wallet.objects.filter(team=team).update(plan=with_credits)
    grant_due_monthly_credits(now=datetime(2031, 6, 20, tzinfo=UTC))
    assert [row[1] for row in monthly_rows(team)] == [date(2031, 3, 1), date(2031, 6, 1)]


@pytest.mark.parametrize(("override", "given"), [({"monthly_credits": 7}, [7]), ({"monthly_credits": 0}, [])])
def test_an_override_counts(override: dict[str, int], given: list[int], new_team: NewTeam) -> None:
    team = new_team()
    PlanOverride.objects.create(team=team, **override)
    grant_due_monthly_credits(now=MARCH)
    assert [row[2] for row in monthly_rows(team)] == given


def test_a_closed_team_gets_nothing(new_team: NewTeam) -> None:
    team = new_team()
    Team.objects.filter(pk=team.pk).update(deleted_at=MARCH)
    assert grant_due_monthly_credits(now=APRIL) == 0


def test_a_clock_that_is_behind_gives_nothing_twice(new_team: NewTeam) -> None:
    team = new_team()
    grant_due_monthly_credits(now=APRIL)
    assert grant_due_monthly_credits(now=MARCH) == 0
    assert len(monthly_rows(team)) == 1


def test_the_command_says_how_many(new_team: NewTeam, capsys: pytest.CaptureFixture[str]) -> None:
    new_team()
    call_command("grant_monthly_credits")
    call_command("grant_monthly_credits")
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines()] == ["1", "0"]
