"""A member of another team sees a team's public pages as an anonymous visitor does, and keeps their own session."""

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
def urls(world: World) -> list[str]:
    """URLs of pages and files of a share link, and of the public page."""
    PublicPage.objects.create(team=world.owner.team, slug=SLUG, is_on=True)
    Publication.objects.update(is_public=True)
    video = world.done.public_id
    base_urls = [f"/s/{world.link.token}", f"/g/{SLUG}"]
    shown = [
        f"{base_url}/{video}{suffix}"
        for base_url in base_urls
        for suffix in ("", "/content", "/content?variant=thumbnail")
    ]
    return [*base_urls, *shown]


def normalized(response: Any) -> tuple[int, str]:
    body = response.getvalue() if response.streaming else response.content
    return response.status_code, NOISE.sub("", body.decode(errors="replace") + steady_headers(response))


def test_members_of_other_teams_see_what_anonymous_visitors_see(world: World, urls: list[str]) -> None:
    browser = world.mallory.new_browser()
    make_job(world.mallory, State.QUEUED, prompt="hers alone")
    for url in urls:
        visitor = normalized(Client().get(url))
        assert visitor[0] == 200, url
        assert normalized(browser.get(url)) == visitor, url
        own = browser.get("/history").content.decode()
        assert "hers alone" in own, f"after {url}"
        assert world.mallory.team.name in own, f"after {url}"
        assert world.owner.team.name not in own, f"after {url}"


def test_members_of_other_teams_do_not_see_hidden_videos(world: World, urls: list[str]) -> None:
    browser = world.mallory.new_browser()
    hidden = world.queued.public_id
    for url in (f"/s/{world.link.token}/{hidden}", f"/g/{SLUG}/{hidden}/content", "/g/no-such-page"):
        visitor = normalized(Client().get(url))
        assert visitor[0] == 404, url
        assert normalized(browser.get(url)) == visitor, url


def test_public_pages_are_restricted_to_the_rows_of_their_team(
    world: World, urls: list[str], without_filters: None
) -> None:
    """Without any filter by team, a page of the owner's team still shows none of Mallory's public videos."""
    hers = make_job(world.mallory, State.COMPLETED, prompt="hers")
    Publication.objects.create(
        team=world.mallory.team, job=hers, publisher=world.mallory.user, is_public=True, model="camera", search_text="x"
    )
    for browser in (Client(), world.mallory.new_browser()):
        assert browser.get(f"/g/{SLUG}/{world.done.public_id}").status_code == 200
        assert browser.get(f"/g/{SLUG}/{hers.public_id}").status_code == 404
        assert browser.get(f"/g/{SLUG}/{hers.public_id}/content").status_code == 404


def test_a_signed_url_works_for_anyone_who_has_it(world: World) -> None:
    """It works in a session of another team, with a key of another team, and without an account."""
    url = signed_content_url("", world.done)
    other = Client(headers=world.mallory.key_headers())
    for client in (Client(), world.mallory.new_browser(), other):
        assert normalized(client.get(url))[0] == 200
    queued = url.replace(world.done.public_id, world.queued.public_id)
    hers = make_job(world.mallory, State.COMPLETED)
    swapped = url.replace(world.done.public_id, hers.public_id)
    for client in (Client(), world.mallory.new_browser(), other):
        assert [client.get(wrong).status_code for wrong in (queued, swapped)] == [401, 401]


def test_the_current_team_is_queried_again_after_another_tenant(world: World, rf: Any) -> None:
    """After a visit `principal_for_session` returns the person's own team, not the team of the visited page."""
    browser = world.mallory.new_browser()
    browser.get(f"/s/{world.link.token}")
    request = rf.get("/")
    request.user, request.session = world.mallory.user, browser.session
    found = principal_for_session(request)
    assert found is not None
    assert found.team == world.mallory.team
