"""URLs that are passed on to other people or programs follow SITE_URL, and not the Host header of a request."""

from typing import Any

from django.test import Client

from jobs.galleries.models import PublicPage
from tests.support.api_client import ApiClient
from tests.support.galleries import publish
from tests.support.people import Person
from tests.support.videos import finished_video

SITE = "https://video.example.com"
HOST = {"Host": "testserver:8443"}
NEW_KEY = {"name": "batch script", "scopes": ["videos:read"], "expires": "90"}


def test_no_url_that_is_passed_on_follows_the_host_header(alice: Person, as_alice: ApiClient, settings: Any) -> None:
    settings.SITE_URL = SITE
    job = finished_video(alice)
    publish(as_alice, job)
    link = as_alice.post("/v1/share-links", {"target": job.public_id}, **HOST).json()["url"]
    assert link.startswith(f"{SITE}/s/")
    alice.post("/gallery/sharing/public-page", {"on": "1"})
    grid = f"/g/{PublicPage.objects.get().slug}"
    pages = {
        f'content="{link}"': Client().get(link.removeprefix(SITE), headers=HOST),
        f">{link}<": alice.get("/gallery/sharing", **HOST),
        f">{SITE}{grid}<": alice.get("/gallery/sharing", **HOST),
        f'content="{SITE}{grid}"': Client().get(grid, headers=HOST),
        f"curl {SITE}/v1/videos ": alice.post("/api-keys", NEW_KEY, **HOST),
    }
    for text, page in pages.items():
        assert text in page.content.decode(), text
        assert HOST["Host"] not in page.content.decode(), text
