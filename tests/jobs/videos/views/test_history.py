"""The History page: order, filters, search, pages, running cards."""

from collections.abc import Callable
from typing import Any

import pytest

from jobs.models import Job
from jobs.states import State
from jobs.videos.views import history
from tests.support.people import Person

Make = Callable[..., Job]


def prompts(response: Any) -> list[str]:
    return [card["job"].prompt for card in response.context["cards"]]


def test_newest_first_and_only_the_teams_own(mia: Person, charlie: Person, make_job: Make) -> None:
    for name in ("first", "second"):
        make_job(mia, State.COMPLETED, prompt=name)
    make_job(charlie, prompt="foreign")
    assert prompts(mia.get("/history")) == ["second", "first"]


def test_an_empty_history_links_to_the_create_page(mia: Person, bob: Person) -> None:
    assert "Make the first one" in mia.get("/history").content.decode()
    assert "Make the first one" not in bob.get("/history").content.decode()


@pytest.mark.parametrize("state", State.values)
def test_by_state(state: str, mia: Person, make_job: Make) -> None:
    for each in State:
        make_job(mia, each, prompt=each.value)
    assert prompts(mia.get(f"/history?state={state}")) == [state]


def test_an_unknown_state_shows_all(mia: Person, make_job: Make) -> None:
    make_job(mia)
    assert len(prompts(mia.get("/history?state=lost"))) == 1


def test_search_escapes_wildcards(mia: Person, make_job: Make) -> None:
    for text in ("Cat zooms", "dog 100% run_s", "dog runs"):
        make_job(mia, prompt=text)
    assert prompts(mia.get("/history?q=cat")) == ["Cat zooms"]
    assert prompts(mia.get("/history?q=100%25+run_")) == ["dog 100% run_s"]
    assert prompts(mia.get("/history?q=a%00cat&state=queued")) == []
    assert "Nothing matches" in mia.get("/history?q=elephant").content.decode()


@pytest.mark.parametrize("search", ["caf\u00e9", "cafe\u0301"])
def test_both_forms_of_a_letter_are_found(search: str, mia: Person, make_job: Make) -> None:
    make_job(mia, prompt="caf\u00e9 at night")
    assert prompts(mia.client.get("/history", {"q": search})) == ["caf\u00e9 at night"]
    found = mia.client.get("/v1/videos", {"q": search}, headers=mia.headers)
    assert [video["prompt"] for video in found.json()["data"]] == ["caf\u00e9 at night"]


def test_load_more_continues_after_the_last_card(mia: Person, make_job: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "_PAGE_SIZE", 2)
    jobs = [make_job(mia, State.FAILED, prompt=f"cat {n}") for n in range(5)]
    response = mia.get("/history?q=cat")
    assert prompts(response) == ["cat 4", "cat 3"]
    assert f"/history?q=cat&amp;after={jobs[3].public_id}" in response.content.decode()
    more = mia.htmx(f"/history?q=cat&after={jobs[3].public_id}")
    assert prompts(more) == ["cat 2", "cat 1"]
    assert "<html" not in more.content.decode()
    assert "beforeend:#posters" in more.content.decode()
    last = mia.htmx(f"/history?q=cat&after={jobs[1].public_id}")
    assert prompts(last) == ["cat 0"]
    assert "Load more" not in last.content.decode()


@pytest.mark.parametrize("after", ["nonsense", "vid_12"])
def test_an_invalid_cursor_gets_404(after: str, mia: Person) -> None:
    assert mia.get(f"/history?after={after}").status_code == 404


def test_running_cards_are_refreshed_until_they_have_finished(mia: Person, charlie: Person, make_job: Make) -> None:
    running, done = make_job(mia, State.IN_PROGRESS, steps_done=10), make_job(mia, State.COMPLETED)
    foreign = make_job(charlie, State.IN_PROGRESS, prompt="foreign")
    page = mia.get("/history").content.decode()
    assert f"/history/running?ids={running.public_id}" in page
    ids = ",".join(job.public_id for job in (running, done, foreign))
    response = mia.htmx(f"/history/running?ids={ids},junk").content.decode()
    assert response.count("hx-swap-oob") == 2
    assert "foreign" not in response
    assert f"/history/running?ids={running.public_id}" in response
    assert "every 2s" not in mia.htmx(f"/history/running?ids={done.public_id}").content.decode()


def test_the_cost_of_a_page_does_not_grow_with_its_cards(
    mia: Person, make_job: Make, django_assert_max_num_queries: Any
) -> None:
    for _ in range(8):
        make_job(mia, State.COMPLETED)
    with django_assert_max_num_queries(6):
        assert mia.get("/history").status_code == 200
