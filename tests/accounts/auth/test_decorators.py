"""Access to pages for owner, member, viewer, another team and anonymous visitors."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from jobs.models import Job
from jobs.states import State
from tests.support.people import Person

TEAM_PAGES = ["/", "/history", "/history/running", "/api-keys", "/accounts/email/", "/accounts/password/change/"]
VIDEO_PAGES = ["/videos/{id}", "/videos/{id}/live", "/videos/{id}/picture"]
VIDEO_ACTIONS = ["/videos/{id}/cancel", "/videos/{id}/delete"]


@pytest.mark.parametrize("path", TEAM_PAGES)
def test_all_roles_may_open_the_team_pages(path: str, alice: Person, mia: Person, bob: Person) -> None:
    assert [person.get(path).status_code for person in (alice, mia, bob)] == [200, 200, 200]


@pytest.mark.parametrize("path", [*TEAM_PAGES, "/price", *VIDEO_PAGES])
def test_a_visitor_is_redirected_to_the_login_page(path: str, anonymous: Client) -> None:
    path = path.format(id="vid_" + "0" * 32)
    response = anonymous.get(path)
    assert response.status_code == 302
    assert response["Location"] == f"/accounts/login/?next={path}"


def test_htmx_requests_of_visitors_redirect_the_whole_page(anonymous: Client) -> None:
    response = anonymous.get(
        "/history/running", headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/history?q=cat"}
    )
    assert response.status_code == 204
    assert response["HX-Redirect"] == "/accounts/login/?next=%2Fhistory%3Fq%3Dcat"


@pytest.mark.parametrize("path", VIDEO_PAGES)
def test_a_video_is_visible_only_to_its_team(
    path: str, alice: Person, bob: Person, charlie: Person, make_job: Any
) -> None:
    path = path.format(id=make_job(alice).public_id)
    assert [person.get(path).status_code for person in (alice, bob, charlie)] == [200, 200, 404]


@pytest.mark.parametrize("path", VIDEO_ACTIONS)
def test_viewers_may_not_act_and_other_teams_get_404(
    path: str, alice: Person, bob: Person, charlie: Person, anonymous: Client, make_job: Callable[..., Job]
) -> None:
    job = make_job(alice)
    path = path.format(id=job.public_id)
    assert bob.post(path).status_code == 403
    assert charlie.post(path).status_code == 404
    assert anonymous.post(path).status_code == 302
    assert alice.get(path).status_code == 405
    job.refresh_from_db()
    assert (job.state, job.deleted_at) == (State.QUEUED, None)


def test_a_viewer_may_not_submit(bob: Person) -> None:
    assert bob.post("/", {"prompt": "zoom"}).status_code == 403
    assert bob.get("/price").status_code == 403
    page = bob.get("/").content.decode()
    assert "member role" in page
    assert "<form id=" not in page
    assert not Job.objects.exists()


@pytest.mark.parametrize("identifier", ["vid_1", "nonsense", "vid_" + "0" * 32, "vid_" + "Z" * 32, "key_" + "0" * 32])
def test_an_unknown_id_shows_the_404_page(identifier: str, alice: Person) -> None:
    response = alice.get(f"/videos/{identifier}")
    assert response.status_code == 404
    assert b"Page not found" in response.content


def test_a_foreign_team_in_the_session_is_ignored(alice: Person, charlie: Person) -> None:
    session = charlie.client.session
    session["team"] = alice.team.pk
    session.save()
    page = charlie.get("/").content.decode()
    assert charlie.team.name in page
    assert alice.team.name not in page


def test_team_pages_are_not_cached(alice: Person, make_job: Callable[..., Job]) -> None:
    for path in ("/", "/history", "/api-keys", f"/videos/{make_job(alice).public_id}"):
        assert "no-store" in alice.get(path)["Cache-Control"]
