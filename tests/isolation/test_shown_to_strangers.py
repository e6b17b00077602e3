"""A member of another team sees of what a team shows to strangers what a stranger sees, and stays who they are."""

from typing import Any

import pytest
from django.test import Client

from accounts.auth.principals import principal_for_session
from jobs.galleries.models import Publication, PublicPage
from jobs.states import State
from jobs.storage.signed_urls import signed_content_url
from tests.isolation.test_matrix import NOISE, steady_headers
from tests.isolation.world import World, make_job

SLUG = "reels-of-alice"


@pytest.fixture
def addresses(world: World) -> list[str]:
    """Pages and bytes of a link to a video, and of the public page."""
    PublicPage.objects.create(team=world.owner.team, slug=SLUG, is_on=True)
    Publication.objects.update(is_public=True)
    video = world.done.public_id
    doors = [f"/s/{world.link.token}", f"/g/{SLUG}"]
    shown = [f"{door}/{video}{tail}" for door in doors for tail in ("", "/content", "/content?variant=thumbnail")]
    return [*doors, *shown]


def said(answer: Any) -> tuple[int, str]:
    body = answer.getvalue() if answer.streaming else answer.content
    return answer.status_code, NOISE.sub("", body.decode(errors="replace") + steady_headers(answer))


def test_members_of_other_teams_see_what_strangers_see(world: World, addresses: list[str]) -> None:
    browser = world.mallory.new_browser()
    make_job(world.mallory, State.QUEUED, prompt="hers alone")
    for address in addresses:
        stranger = said(Client().get(address))
        assert stranger[0] == 200, address
        assert said(browser.get(address)) == stranger, address
        own = browser.get("/history").content.decode()
        assert "hers alone" in own, f"after {address}"
        assert world.mallory.team.name in own, f"after {address}"
        assert world.owner.team.name not in own, f"after {address}"


def test_neither_do_they_see_more_of_what_is_not_shown(world: World, addresses: list[str]) -> None:
    browser = world.mallory.new_browser()
    hidden = world.queued.public_id
    for address in (f"/s/{world.link.token}/{hidden}", f"/g/{SLUG}/{hidden}/content", "/g/no-such-page"):
        stranger = said(Client().get(address))
        assert stranger[0] == 404, address
        assert said(browser.get(address)) == stranger, address


def test_strangers_look_from_behind_the_wall_of_the_team_that_shows(
    world: World, addresses: list[str], careless: None
) -> None:
    """With every filter by team taken out, a page of Alice's team still shows none of Mallory's public videos."""
    hers = make_job(world.mallory, State.COMPLETED, prompt="hers")
    Publication.objects.create(
        team=world.mallory.team, job=hers, publisher=world.mallory.user, is_public=True, model="camera", search_text="x"
    )
    for browser in (Client(), world.mallory.new_browser()):
        assert browser.get(f"/g/{SLUG}/{world.done.public_id}").status_code == 200
        assert browser.get(f"/g/{SLUG}/{hers.public_id}").status_code == 404
        assert browser.get(f"/g/{SLUG}/{hers.public_id}/content").status_code == 404


def test_a_signed_link_works_for_whoever_has_it(world: World, rf: Any) -> None:
    """Signed in to another team, or with a key of another team, as well as without any account."""
    address = signed_content_url(rf.get("/"), world.done)
    other = Client(headers=world.mallory.key_headers())
    for client in (Client(), world.mallory.new_browser(), other):
        assert said(client.get(address))[0] == 200
    queued = address.replace(world.done.public_id, world.queued.public_id)
    hers = make_job(world.mallory, State.COMPLETED)
    swapped = address.replace(world.done.public_id, hers.public_id)
    for client in (Client(), world.mallory.new_browser(), other):
        assert [client.get(wrong).status_code for wrong in (queued, swapped)] == [401, 401]


def test_the_present_team_is_asked_for_again_behind_another_wall(world: World, rf: Any) -> None:
    """`principal_for_session` after a visit finds the person's own team, not the one whose page they looked at."""
    browser = world.mallory.new_browser()
    browser.get(f"/s/{world.link.token}")
    request = rf.get("/")
    request.user, request.session = world.mallory.user, browser.session
    found = principal_for_session(request)
    assert found is not None
    assert found.team == world.mallory.team
