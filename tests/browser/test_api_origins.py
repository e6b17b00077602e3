"""A page of another origin calls the API with a key, shows an image of it, and listens to the events of a video."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from playwright.sync_api import Error, Page

from jobs.storage.signed_urls import signed_content_url
from tests.support.browser import Browser
from tests.support.images import png
from tests.support.people import Person
from tests.support.videos import finished_video
from tests.support.web_processes import LiveProcess

_SUBMIT = """async ([api, key, body]) => {
  const headers = { Authorization: `Bearer ${key}`, "Content-Type": "application/json", "Idempotency-Key": "one" };
  const response = await fetch(`${api}/v1/videos`, { method: "POST", headers, body: JSON.stringify(body) });
  return [response.status, response.headers.get("Location"), await response.json()];
}"""
_LISTEN = """(url) => new Promise((resolve, reject) => {
  const source = new EventSource(url);
  source.onerror = reject;
  source.addEventListener("status", ({ data }) => {
    source.close();
    resolve(JSON.parse(data));
  });
})"""
# The pixels of an image that its origin does not share cannot be read.
_READ_IMAGE = """async (url) => {
  const image = Object.assign(new Image(), { crossOrigin: "anonymous", src: url });
  await image.decode();
  const context = document.createElement("canvas").getContext("2d");
  context.drawImage(image, 0, 0);
  return [...context.getImageData(0, 0, 1, 1).data];
}"""


def test_a_page_of_a_listed_origin_uses_the_api(
    live_server: Any,
    live_process: Callable[..., LiveProcess],
    alice: Person,
    browser: Browser,
    body: Callable[..., dict[str, Any]],
) -> None:
    listed, other = live_server.url, live_server.url.replace("localhost", "127.0.0.1")
    live = live_process(API_ORIGINS=listed)
    image, request = image_url(alice, live), [live.url, alice.key, body()]

    def scenario(page: Page) -> None:
        page.goto(f"{listed}/accounts/login/")
        status, location, video = page.evaluate(_SUBMIT, request)
        assert (status, location) == (202, video["urls"]["self"])
        assert page.evaluate(_LISTEN, video["urls"]["events"])["status"] == "queued"
        assert page.evaluate(_READ_IMAGE, image) == [0, 0, 255, 255]
        page.goto(f"{other}/accounts/login/")
        for script, argument in ((_SUBMIT, request), (_READ_IMAGE, image)):
            with pytest.raises(Error):
                page.evaluate(script, argument)

    # The policy of the page itself would allow requests to its own origin only.
    browser.run(live.url, scenario, bypass_csp=True)
    assert [text for text in browser.console_errors if "CORS policy" not in text and "ERR_FAILED" not in text] == []
    browser.console_errors.clear()


def image_url(person: Person, live: LiveProcess) -> str:
    """Return the signed URL of a blue poster."""
    job = finished_video(person)
    default_storage.delete(job.poster_key)
    default_storage.save(job.poster_key, ContentFile(png(color="blue")))
    return signed_content_url(live.url, job, "thumbnail")
