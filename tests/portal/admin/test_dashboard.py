"""The dashboard: its ranges, its states, its bars."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from jobs.models import Job
from jobs.states import State
from portal.admin.dashboard import dashboard_context
from tests.support.people import Person


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
    context = dashboard_context(parameter)
    assert [number for number, _label, is_chosen in context["ranges"] if is_chosen] == [days]
    assert len(context["videos_chart"]["rows"]) == len(context["credits_chart"]["rows"]) == days


def test_states_and_failures(alice: Person, make_job: Callable[..., Job]) -> None:
    for code, count in {"engine_crashed": 4, "gpu_lost": 1}.items():
        for _ in range(count):
            make_job(alice, State.FAILED, error_code=code)
    for state in (State.QUEUED, State.QUEUED, State.IN_PROGRESS, State.CANCELED, State.EXPIRED):
        make_job(alice, state)
    context: dict[str, Any] = dashboard_context("1")
    counts = {row["value"]: row["count"] for row in context["states"]}
    assert counts == {"queued": 2, "in_progress": 1, "completed": 0, "failed": 5, "canceled": 1, "expired": 1}
    assert [(row["error_code"], percent) for row, percent in context["failures"]] == [
        ("engine_crashed", 100),
        ("gpu_lost", 25),
    ]


def test_a_chart_has_the_numbers_of_its_table(db: None) -> None:
    chart = dashboard_context("7")["videos_chart"]
    data = json.loads(chart["data"])
    assert [row[0] for row in chart["rows"]] == data["labels"]
    assert (len(data["labels"]), len(data["datasets"])) == (7, 2)
    for column, dataset in enumerate(data["datasets"], start=1):
        assert [row[column] for row in chart["rows"]] == dataset["data"]
        assert chart["headings"][column - 1] == dataset["label"]
