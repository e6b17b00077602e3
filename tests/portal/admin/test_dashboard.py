"""The dashboard: its ranges, its states, its bars."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import User
from jobs.models import Job
from jobs.states import State
from portal.admin.dashboard import dashboard_context
from tests.support.people import Person

SUPERUSER = User(is_active=True, is_superuser=True)


@pytest.mark.parametrize(
    ("parameter", "days"),
    [
        ("1", 1),
        ("7", 7),
        ("30", 30),
        ("90", 90),
        ("", 7),
        ("8", 7),
        ("-1", 7),
        ("x", 7),
        ("9" * 5000, 7),
        ("\u0667", 7),
    ],
)
def test_the_range(parameter: str, days: int, db: None) -> None:
    context = dashboard_context(parameter, SUPERUSER)
    assert [number for number, _label, is_chosen in context["ranges"] if is_chosen] == [days]
    assert len(context["videos_chart"]["rows"]) == len(context["credits_chart"]["rows"]) == days


def test_states_and_failures(alice: Person, make_job: Callable[..., Job]) -> None:
    for code, count in {"engine_crashed": 4, "gpu_lost": 1}.items():
        for _ in range(count):
            make_job(alice, State.FAILED, error_code=code)
    for state in (State.QUEUED, State.QUEUED, State.IN_PROGRESS, State.CANCELED, State.EXPIRED):
        make_job(alice, state)
    context: dict[str, Any] = dashboard_context("1", SUPERUSER)
    counts = {row["value"]: row["count"] for row in context["states"]}
    assert counts == {"queued": 2, "in_progress": 1, "completed": 0, "failed": 5, "canceled": 1, "expired": 1}
    assert [(row["error_code"], percent) for row, percent in context["failures"]] == [
        ("engine_crashed", 100),
        ("gpu_lost", 25),
    ]


def test_a_chart_has_the_numbers_of_its_table(db: None) -> None:
    chart = dashboard_context("7", SUPERUSER)["videos_chart"]
    data = json.loads(chart["data"])
    assert [row[0] for row in chart["rows"]] == data["labels"]
    assert (len(data["labels"]), len(data["datasets"])) == (7, 2)
    for column, dataset in enumerate(data["datasets"], start=1):
        assert [row[column] for row in chart["rows"]] == dataset["data"]
        assert chart["headings"][column - 1] == dataset["label"]


def test_only_who_may_list_teams_and_credits_sees_them(make_staff: Callable[..., Person]) -> None:
    def shown(person: Person) -> list[bool]:
        page = person.get("/admin/").content.decode()
        return [title in page for title in ("admin-credits", "admin-teams")]

    assert shown(make_staff("none@example.com", "jobs.view_job")) == [False, False]
    assert shown(make_staff("team@example.com", "accounts.view_team")) == [False, False]
    assert shown(make_staff("credits@example.com", "quota.view_ledgerentry")) == [True, False]
    assert shown(make_staff("both@example.com", "quota.view_ledgerentry", "accounts.view_team")) == [True, True]
