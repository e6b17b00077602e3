"""Whether a job of the loaded model may start before the one that is first."""

from typing import Any

import pytest

from common.ids import new_id
from jobs.queue.residency import Candidate, Residency


def candidate(**changes: Any) -> Candidate:
    defaults = {"id": new_id(), "model": "b", "credits": 10, "vram_mb": 0, "start_tag": 5.0, "finish_tag": 15.0}
    return Candidate(**{**defaults, **changes})


@pytest.mark.parametrize(("start_tag", "allowed"), [(5.0, True), (14.9, True), (15.0, False)])
def test_a_team_that_is_a_whole_job_ahead_overtakes_nobody(start_tag: float, allowed: bool) -> None:
    own = candidate(model="a", credits=1, start_tag=start_tag, finish_tag=start_tag + 1)
    assert Residency("a").may_overtake(own, candidate()) is allowed


def test_jobs_overtake_another_for_as_long_as_it_takes_itself() -> None:
    residency, first, own = Residency("a"), candidate(), candidate(model="a", credits=4)
    for _ in range(2):
        assert residency.may_overtake(own, first)
        residency.record_overtaking(own, first)
    assert not residency.may_overtake(own, first)
    assert residency.may_overtake(own, candidate())  # each job waits for itself
    residency.load("b")
    assert (residency.model, residency.is_unused, residency.may_overtake(own, first)) == ("b", True, True)
