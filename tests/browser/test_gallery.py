"""From a finished video to a visitor who plays it, and axe checks of the gallery's pages."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image
from playwright.sync_api import Page, ViewportSize, expect

from inference.encoding import write_mp4
from jobs.galleries.models import Publication, PublicPage, ShareLink
from jobs.galleries.services.curation import set_public_page_enabled
from jobs.galleries.services.publishing import edit_publication
from jobs.galleries.services.sharing import create_link
from jobs.models import Job
from jobs.states import State
from tests.jobs.galleries.views.test_gallery import collected, principal, published
from tests.support.browser import DESKTOP, PHONE, Browser, played_seconds
from tests.support.images import SAMPLES
from tests.support.people import Person


@pytest.fixture
def real_video(make_job: Callable[..., Job], tmp_path: Path) -> Callable[..., Job]:
    """Make a completed video with a real file: a photograph that moves sideways."""

    def make(person: Person, photograph: str = "cat.jpg", **columns: Any) -> Job:
        job = make_job(person, State.COMPLETED, width=256, height=192, **columns)
        with Image.open(SAMPLES / photograph) as image:
            wide = np.asarray(image.convert("RGB").resize((288, 192)))
        frames = np.stack([wide[:, 2 * number : 256 + 2 * number] for number in range(16)])
        write_mp4(frames, 8, tmp_path / "video.mp4")
        Image.fromarray(frames[0]).save(tmp_path / "poster.jpg")
        for key, name in ((job.result_key, "video.mp4"), (job.poster_key, "poster.jpg")):
            default_storage.delete(key)
            default_storage.save(key, ContentFile((tmp_path / name).read_bytes()))
        return job

    return make


def test_a_video_is_published_shared_and_played_by_a_visitor(
    live_server: Any, alice: Person, browser: Browser, real_video: Callable[..., Job]
) -> None:
    job = real_video(alice, prompt="the secret prompt")

    def publish_and_share(page: Page) -> str:
        page.goto(f"/videos/{job.public_id}")
        page.get_by_role("button", name="Publish").click()
        page.get_by_label("Caption").fill("The cat looks up")
        page.get_by_label("Tags").fill("cat, window")
        page.get_by_role("dialog").get_by_role("button", name="Publish").click()
        page.wait_for_url("**/gallery/pub_*")
        page.get_by_role("button", name="Favourite").click()
        expect(page.get_by_role("button", name="Favourite")).to_have_attribute("aria-pressed", "true")
        page.goto("/gallery")
        page.get_by_label("Search captions").fill("window looks")
        expect(page.locator(".poster")).to_have_count(1)
        page.get_by_label("My favourites").check()
        expect(page.locator(".poster")).to_have_count(1)
        page.get_by_text("The cat looks up").click()
        page.wait_for_url("**/gallery/pub_*")
        page.get_by_role("link", name="Share").click()
        page.get_by_label("Password (optional)").fill("open sesame")
        page.get_by_label("Valid").select_option(label="For a week")
        page.get_by_role("button", name="Create link").click()
        expect(page.locator(".link[data-new]")).to_contain_text("with password")
        page.get_by_role("button", name="Copy").click()
        expect(page.get_by_text("Copied")).to_be_visible()
        return str(page.evaluate("navigator.clipboard.readText()"))

    permissions = ["clipboard-read", "clipboard-write"]
    url = browser.run(live_server.url, publish_and_share, session=alice.cookie, permissions=permissions)
    assert Publication.objects.get().tags == ["cat", "window"]
    assert url == f"{settings.SITE_URL}/s/{ShareLink.objects.get().token}"

    def open_as_a_visitor(page: Page) -> tuple[float, list[str]]:
        page.goto(urlsplit(url).path)
        page.get_by_label("Password").fill("open sesame")
        page.get_by_role("button", name="Open").click()
        expect(page.get_by_role("heading", name="The cat looks up")).to_be_visible()
        assert "secret prompt" not in page.content()
        seconds = played_seconds(page)
        return seconds, [each["name"] for each in page.context.cookies()]

    seconds, cookies = browser.run(live_server.url, open_as_a_visitor)
    assert seconds > 0.2
    assert cookies == ["share"]

    def revoke(page: Page) -> None:
        page.goto("/gallery/sharing")
        expect(page.locator(".link")).to_contain_text("1 view")
        page.get_by_role("button", name="Revoke").click()
        expect(page.get_by_text("The link was revoked")).to_be_visible()

    browser.run(live_server.url, revoke, session=alice.cookie)

    def open_too_late(page: Page) -> None:
        page.goto(urlsplit(url).path)
        expect(page.get_by_role("heading", name="This link does not work")).to_be_visible()

    browser.run(live_server.url, open_too_late)
    # The browser logs the 404.
    assert [text for text in browser.console_errors if "404" not in text] == []
    browser.console_errors.clear()


def test_the_first_switch_of_the_public_page_is_one_event_of_the_log(
    live_server: Any, alice: Person, browser: Browser
) -> None:
    def scenario(page: Page) -> None:
        page.goto("/gallery/sharing")
        page.get_by_role("button", name="Switch on").click()
        expect(page.get_by_role("button", name="Switch off")).to_be_visible()
        page.goto("/team/log")
        expect(page.get_by_text("turned the public page")).to_have_count(1)
        expect(page.get_by_text("turned the public page on")).to_be_visible()

    browser.run(live_server.url, scenario, session=alice.cookie)


def test_a_shared_collection_is_browsed(
    live_server: Any, alice: Person, browser: Browser, real_video: Callable[..., Job]
) -> None:
    rows = []
    for name in ("cat", "coffee"):
        response = alice.post(f"/gallery/publish/{real_video(alice, f'{name}.jpg').public_id}", {"caption": name})
        rows.append(Publication.objects.get(pk=response["Location"].rpartition("pub_")[2]))
    link = create_link(principal=principal(alice), target=collected(alice, "Best", *rows))

    def scenario(page: Page) -> float:
        page.goto(f"/s/{link.token}")
        expect(page.locator(".poster")).to_have_count(2)
        page.get_by_text("coffee").click()
        expect(page.get_by_role("heading", name="coffee")).to_be_visible()
        seconds = played_seconds(page)
        page.get_by_role("link", name="Best").click()
        expect(page.locator(".poster")).to_have_count(2)
        return seconds

    assert browser.run(live_server.url, scenario) > 0.2


def faults(page: Page) -> list[str]:
    """Return what axe finds serious or critical on the page, and whether the page is wider than its window."""
    found = [
        f"{page.url}: {violation['id']}: {node['html'][:160]}"
        for violation in Axe().run(page).response["violations"]
        if violation["impact"] in {"serious", "critical"}
        for node in violation["nodes"]
    ]
    width = page.evaluate("document.documentElement.scrollWidth")
    return found + ([f"{page.url} is {width} wide"] if width > page.viewport_size["width"] else [])  # type: ignore[index]


def test_a_collection_dialog_shows_the_requested_collection(live_server: Any, alice: Person, browser: Browser) -> None:
    names = {name: collected(alice, name).public_id for name in ("First", "Second")}

    def scenario(page: Page) -> None:
        page.goto("/gallery/collections")
        dialog = page.get_by_role("dialog")
        for name in names:
            page.get_by_role("link", name=f"Edit {name}").click()
            expect(dialog.get_by_label("Name")).to_have_value(name)
            expect(dialog.get_by_label("Name")).to_be_focused()
            page.keyboard.press("Escape")
            expect(page.get_by_role("link", name=f"Edit {name}")).to_be_focused()
        page.get_by_role("link", name="Delete First").click()
        expect(dialog.get_by_role("heading")).to_have_text("Delete “First”?")
        expect(dialog.get_by_role("link", name="Keep it")).to_be_focused()
        dialog.get_by_role("link", name="Keep it").click()
        expect(dialog).to_have_count(0)
        # The response for the first is late: the dialog of the second shows nothing of the first.
        held: list[Any] = []
        page.route(f"**/{names['First']}/edit", lambda route: held.append(route))  # noqa: PLW0108 (it is marked)
        page.get_by_role("link", name="Edit First").click()
        expect(dialog.locator(".skeleton")).to_be_visible()
        page.keyboard.press("Escape")
        page.get_by_role("link", name="Edit Second").click()
        expect(dialog.get_by_label("Name")).to_have_value("Second")
        held[0].fulfill(body="<p>late</p>")
        page.unroute_all()
        dialog.get_by_label("Name").fill("FIRST")
        dialog.get_by_role("button", name="Save").click()
        expect(dialog.get_by_text("already")).to_be_visible()
        expect(dialog.get_by_label("Name")).to_be_focused()
        page.route("**/edit", lambda route: route.abort())
        page.keyboard.press("Escape")
        page.get_by_role("link", name="Edit Second").click()
        expect(page.get_by_text("No connection.")).to_be_visible()
        expect(dialog).to_have_count(0)
        page.unroute_all()
        page.get_by_role("link", name="Edit Second").click()
        dialog.get_by_label("Name").fill("Third")
        dialog.get_by_role("button", name="Save").click()
        expect(page.locator(".collection")).to_contain_text(["First", "Third"])

    browser.run(live_server.url, scenario, session=alice.cookie)
    expected = ("422", "ERR_FAILED", "error: htmx:")  # a name that is taken, and aborted requests
    assert [text for text in browser.console_errors if not any(word in text for word in expected)] == []
    browser.console_errors.clear()


def test_a_link_to_a_dialog_opens_a_new_tab_on_request(live_server: Any, alice: Person, browser: Browser) -> None:
    collected(alice, "First")

    def scenario(page: Page) -> None:
        page.goto("/gallery/collections")
        for name, heading in (("New collection", "New collection"), ("Delete First", "Delete “First”?")):
            with page.context.expect_page() as opened:
                page.get_by_role("link", name=name).click(modifiers=["Control"])
            expect(opened.value.get_by_role("heading", level=2)).to_have_text(heading)
            expect(page.get_by_role("dialog")).to_have_count(0)
        page.get_by_role("link", name="New collection").click()
        expect(page.get_by_role("dialog").get_by_label("Name")).to_be_focused()
        expect(page).to_have_url(f"{live_server.url}/gallery/collections")

    browser.run(live_server.url, scenario, session=alice.cookie)


def test_a_collection_is_created_without_scripts(live_server: Any, alice: Person, browser: Browser) -> None:
    def scenario(page: Page) -> None:
        page.goto("/gallery/collections")
        page.get_by_role("link", name="New collection").click()
        expect(page.locator("nav a[aria-current=page]").first).to_have_text("Gallery")
        page.get_by_label("Name").fill("First")
        page.get_by_role("button", name="Save").click()
        expect(page.locator(".collection")).to_contain_text("First")

    browser.run(live_server.url, scenario, session=alice.cookie, java_script_enabled=False)


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_serious_fault(
    theme: str, viewport: ViewportSize, live_server: Any, alice: Person, browser: Browser, make_job: Any
) -> None:
    long = "a_very_long_word" * 20
    row = published(alice, make_job, {"caption": long, "tags": ["x" * 30, "sky"], "is_public": True}, prompt=long)
    published(alice, make_job)
    collection = collected(alice, "N" * 80, row)
    link = create_link(principal=principal(alice), target=row.job)
    album = create_link(principal=principal(alice), target=collection)
    locked = create_link(principal=principal(alice), target=row.job, password="open sesame")
    set_public_page_enabled(principal=principal(alice), enabled=True)
    public = PublicPage.objects.get()
    edit_publication(principal=principal(alice), publication=row, tags=["<b>", "مرحبا"])
    dialogs = {
        f"/gallery/{row.public_id}": ["edit", "unpublish", "collect", "share"],
        f"/videos/{make_job(alice, State.COMPLETED).public_id}": ["publish"],
        "/gallery/collections": ["new-collection", "edit-collection", "delete-collection"],
    }
    pages = ["/gallery", f"/gallery?collection={collection.public_id}", "/gallery?q=nothing", "/gallery/sharing"]
    outside = [f"/s/{link.token}", f"/s/{album.token}", f"/s/{locked.token}", f"/g/{public.slug}"]
    outside += [f"/g/{public.slug}/{row.job.public_id}", "/s/nothing"]

    def scenario(page: Page) -> list[str]:
        found = []
        for path in [*pages, f"/gallery/share/{row.public_id}", *outside]:
            page.goto(path)
            found += faults(page)
        for path, openers in dialogs.items():
            for opener in openers:
                page.goto(path)
                page.locator(f"[data-opens={opener}]").first.click()
                expect(page.locator("dialog[open]")).to_be_visible()
                expect(page.locator("dialog[open] .skeleton")).to_have_count(0)
                found += faults(page)
        return found

    options: dict[str, Any] = {
        "viewport": viewport,
        "color_scheme": theme,
        "reduced_motion": "reduce",
        "bypass_csp": True,
    }
    found = browser.run(live_server.url, scenario, session=alice.cookie, **options)
    browser.console_errors.clear()  # files that are not videos, and one 404; the other tests check the console
    assert found == []
