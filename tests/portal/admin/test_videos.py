"""The list, the page and the actions of videos."""

from collections.abc import Callable

import pytest

from jobs.models import Job, Priority
from jobs.states import State
from tests.support.administrators import run_action
from tests.support.people import Person

URL = "/admin/jobs/job/"
MakeJob = Callable[..., Job]
FAILURE = {"error_code": "engine_crashed"}


@pytest.mark.parametrize("state", list(State))
def test_the_actions_of_a_state(state: State, adele: Person, alice: Person, make_job: MakeJob) -> None:
    job = make_job(alice, state, **(FAILURE if state == State.FAILED else {}))
    page = adele.get(f"{URL}{job.pk}/change/").content.decode()
    offered = {name for name in ("cancel", "retry", "set_priority") if f"/{job.pk}/{name}" in page}
    expected = {
        State.QUEUED: {"cancel", "set_priority"},
        State.IN_PROGRESS: {"cancel"},
        State.FAILED: {"retry"},
    }
    assert offered == expected.get(state, set())


@pytest.mark.parametrize("state", [State.COMPLETED, State.FAILED, State.CANCELED, State.EXPIRED])
def test_a_finished_video_is_not_canceled(state: State, adele: Person, alice: Person, make_job: MakeJob) -> None:
    job = make_job(alice, state, **(FAILURE if state == State.FAILED else {}))
    run_action(adele, f"{URL}{job.pk}/cancel/")
    job.refresh_from_db()
    assert job.state == state


@pytest.mark.parametrize("priority", list(Priority))
def test_the_priority_of_a_queued_video(priority: Priority, adele: Person, alice: Person, make_job: MakeJob) -> None:
    job = make_job(alice)
    run_action(adele, f"{URL}{job.pk}/set_priority/", priority=str(priority.value))
    job.refresh_from_db()
    assert job.priority == priority


@pytest.mark.parametrize("value", ["", "99", "x"])
def test_an_unknown_priority_is_rejected(value: str, adele: Person, alice: Person, make_job: MakeJob) -> None:
    job = make_job(alice)
    response = run_action(adele, f"{URL}{job.pk}/set_priority/", priority=value)
    assert response.status_code == 200  # the form with its error
    before = job.priority
    job.refresh_from_db()
    assert job.priority == before


@pytest.mark.parametrize("term", ["{id}", " {id} "])
def test_a_video_is_found_by_its_id(term: str, adele: Person, alice: Person, make_job: MakeJob) -> None:
    job, other = make_job(alice), make_job(alice)
    page = adele.client.get(URL, {"q": term.format(id=job.public_id)}).content.decode()
    assert f"{job.pk}/change/" in page
    assert f"{other.pk}/change/" not in page


@pytest.mark.parametrize("term", ["vid_", "slowly", "vid_" + "g" * 32])
def test_other_terms_find_nothing(term: str, adele: Person, alice: Person, make_job: MakeJob) -> None:
    job = make_job(alice, prompt="slowly")
    assert f"{job.pk}/change/" not in adele.client.get(URL, {"q": term}).content.decode()


def test_the_page_shows_the_request_and_the_result(adele: Person, alice: Person, make_job: MakeJob) -> None:
    job = make_job(alice, State.FAILED, **FAILURE)
    page = adele.get(f"{URL}{job.pk}/change/").content.decode()
    for text in ("slowly zooms in", "584 \u00d7 440", "16 / 8 fps", f"{job.attempt} / {job.max_attempts}", "0 %"):
        assert text in page, text
