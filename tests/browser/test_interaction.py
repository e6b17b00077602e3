"""Interaction that needs a browser: dropping an image, the theme, the keyboard, the width of a phone."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from jobs.models import Job
from jobs.states import State
from tests.support.browser import DESKTOP, PHONE, Browser
from tests.support.images import SAMPLES, TIMES
from tests.support.people import PASSWORD, Person


def drop(page: Page, path: Any, kind: str = "image/jpeg") -> None:
    """Drop a file on the image's area, as the desktop does."""
    bytes_ = list(path.read_bytes())
    page.evaluate(
        """([bytes, name, type]) => {
            const files = new DataTransfer();
            files.items.add(new File([new Uint8Array(bytes)], name, { type }));
            for (const kind of ["dragenter", "dragover", "drop"])
                document.getElementById("drop").dispatchEvent(
                    new DragEvent(kind, { dataTransfer: files, bubbles: true, cancelable: true }));
        }""",
        [bytes_, path.name, kind],
    )


def test_the_api_guide_complies_with_the_csp_and_links_back(live_server: Any, browser: Browser) -> None:
    def scenario(page: Page) -> None:
        page.goto("/docs")
        page.locator(".opblock-summary").first.click()
        expect(page.get_by_role("button", name="Try it out")).to_be_visible()
        page.get_by_role("link", name="Back to the portal").click()
        page.wait_for_url("**/accounts/login/**")

    browser.run(live_server.url, scenario)


def test_a_dropped_image_and_a_prompt_lead_to_the_video_page(live_server: Any, alice: Person, browser: Browser) -> None:
    def scenario(page: Page) -> str:
        page.goto("/")
        drop(page, SAMPLES / "cat.jpg")
        expect(page.locator("#picture-name")).to_have_text(f"cat.jpg · 451 {TIMES} 300")
        expect(page.locator("#preview")).to_have_js_property("naturalWidth", 451)
        expect(page.locator("#price")).to_contain_text(f"584 {TIMES} 440 px")
        page.get_by_role("button", name="slowly zooms in").click()
        expect(page.locator("#prompt-count")).to_have_text("15 / 1000")
        page.get_by_role("radio", name="Fast").check()
        expect(page.locator("#price")).to_contain_text("1.0 s")
        page.get_by_role("button", name="Make video").click()
        page.wait_for_url("**/videos/vid_*")
        expect(page.get_by_text("Waiting in the queue")).to_be_visible()
        page.get_by_role("button", name="Cancel").click()
        expect(page.get_by_role("heading", name="Canceled")).to_be_visible()
        return page.url

    address = browser.run(live_server.url, scenario, session=alice.cookie)
    job = Job.objects.get()
    assert address.endswith(job.public_id)
    assert (job.state, job.prompt, job.num_frames, job.width) == (State.CANCELED, "slowly zooms in", 8, 584)


def test_an_update_that_arrives_after_the_video_was_canceled_is_ignored(
    live_server: Any, alice: Person, browser: Browser, make_job: Callable[..., Job]
) -> None:
    """Its element was replaced by the response to Cancel. The browser logs no error, which the fixture checks."""
    job = make_job(alice)

    def scenario(page: Page) -> None:
        held: list[Route] = []
        page.route("**/live?**", lambda route: held.append(route))  # noqa: PLW0108 (it is marked)
        with page.expect_request("**/live?**"):
            page.goto(f"/videos/{job.public_id}")
        page.get_by_role("button", name="Cancel").click()
        expect(page.get_by_role("heading", name="Canceled")).to_be_visible()
        with page.expect_event("requestfinished", lambda request: "/live" in request.url):
            held[0].continue_()
        page.evaluate("new Promise(requestAnimationFrame)")
        expect(page.get_by_role("heading", name="Canceled")).to_be_visible()

    browser.run(live_server.url, scenario, session=alice.cookie)


def test_an_error_keeps_the_image_and_the_prompt(live_server: Any, alice: Person, browser: Browser) -> None:
    def scenario(page: Page) -> None:
        page.goto("/")
        page.set_input_files("#image", SAMPLES / "coffee.jpg")
        page.get_by_label("What should move?").fill("steam rises")
        page.get_by_text("Advanced settings").click()
        page.locator("#fps").fill("99")
        expect(page.locator("#error-fps")).to_contain_text("from 4 to 24")
        page.get_by_role("button", name="Make video").click()
        expect(page.locator("#fps")).to_be_focused()
        assert page.evaluate("document.getElementById('image').files[0].name") == "coffee.jpg"
        assert page.locator("#prompt").input_value() == "steam rises"
        page.locator("#fps").fill("12")
        expect(page.locator("#error-fps")).to_be_empty()
        page.get_by_role("button", name="Make video").click()
        page.wait_for_url("**/videos/vid_*")

    browser.console_errors.clear()
    browser.run(live_server.url, scenario, session=alice.cookie)
    # The browser logs the one refused request.
    assert [text for text in browser.console_errors if "422" not in text] == []
    browser.console_errors.clear()
    assert Job.objects.get().fps == 12


def test_back_and_the_same_form_again_create_one_video(live_server: Any, alice: Person, browser: Browser) -> None:
    def send(page: Page, prompt: str) -> str:
        page.set_input_files("#image", SAMPLES / "cat.jpg")
        expect(page.locator("#picture-name")).to_contain_text("cat.jpg")
        page.get_by_label("What should move?").fill(prompt)
        page.get_by_role("button", name="Make video").dblclick()
        page.wait_for_url("**/videos/vid_*")
        return page.url

    def scenario(page: Page) -> list[str]:
        page.goto("/")
        urls = []
        for prompt in ("steam rises", "steam rises", "the cup turns"):
            urls.append(send(page, prompt))
            page.go_back()
            page.wait_for_url("**/")
        page.get_by_role("link", name="Create").click()
        page.wait_for_function("!document.getElementById('image').files.length")
        return [*urls, send(page, "steam rises")]

    first, again, changed, another = browser.run(live_server.url, scenario, session=alice.cookie)
    assert first == again
    assert len({first, changed, another}) == 3
    assert Job.objects.count() == 3


def test_the_image_that_the_browser_restores_is_shown(live_server: Any, alice: Person, browser: Browser) -> None:
    def scenario(page: Page) -> None:
        page.goto("/")
        page.set_input_files("#image", SAMPLES / "cat.jpg")
        page.get_by_label("What should move?").fill("steam rises")
        page.get_by_role("button", name="Make video").click()
        page.wait_for_url("**/videos/vid_*")
        page.go_back()
        expect(page.locator("#preview")).to_be_visible()
        expect(page.locator("#picture-name")).to_contain_text("cat.jpg · ")
        expect(page.locator("#prompt-count")).to_contain_text("11 /")
        page.get_by_label("What should move?").fill("the cup turns")
        page.get_by_role("button", name="Make video").click()
        expect(page.get_by_role("heading", name="the cup turns")).to_be_visible()

    browser.run(live_server.url, scenario, session=alice.cookie)
    assert Job.objects.count() == 2


def test_files_that_are_no_images_are_refused_immediately(
    live_server: Any, alice: Person, browser: Browser, tmp_path: Any
) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nbut then nothing")
    (tmp_path / "untyped").write_bytes((SAMPLES / "cat.jpg").read_bytes())
    (tmp_path / "photo.HEIC").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")

    def scenario(page: Page) -> None:
        page.goto("/")
        drop(page, tmp_path / "notes.txt", "text/plain")
        expect(page.locator("#error-image")).to_contain_text("not a PNG, JPEG, WebP, HEIC or AVIF")
        drop(page, SAMPLES / "cat.jpg")
        expect(page.locator("#error-image")).to_be_empty()
        drop(page, tmp_path / "broken.png", "image/png")
        expect(page.locator("#error-image")).to_contain_text("cannot be read")
        assert page.evaluate("document.getElementById('image').files[0].name") == "cat.jpg"
        drop(page, tmp_path / "untyped", "")
        expect(page.locator("#picture-name")).to_contain_text("untyped")
        drop(page, tmp_path / "photo.HEIC", "")
        expect(page.locator("#picture-name")).to_have_text("photo.HEIC")
        expect(page.locator("#error-image")).to_be_empty()

    browser.run(live_server.url, scenario, session=alice.cookie)


def test_the_theme_is_remembered_and_set_before_the_first_paint(
    live_server: Any, alice: Person, browser: Browser
) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    light, dark = "rgb(251, 249, 245)", "rgb(20, 18, 15)"

    def scenario(page: Page) -> None:
        page.goto("/")
        assert page.evaluate(ground) == light
        page.get_by_role("button", name="Account menu").click()
        page.get_by_role("button", name="Dark").click()
        assert page.evaluate(ground) == dark
        page.goto("/history")
        assert page.evaluate(ground) == dark
        page.goto("/no/such/page")
        assert page.evaluate(ground) == dark
        page.goto("/api-keys", wait_until="commit")
        page.locator("body").wait_for(state="attached")
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        page.get_by_role("button", name="Account menu").click()
        expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
        page.get_by_role("button", name="System").click()
        assert page.evaluate(ground) == light

    browser.run(live_server.url, scenario, session=alice.cookie, color_scheme="light")
    assert [text for text in browser.console_errors if "404" not in text] == []
    browser.console_errors.clear()


def test_the_form_is_filled_and_sent_by_keyboard_alone(live_server: Any, alice: Person, browser: Browser) -> None:
    def scenario(page: Page) -> list[str]:
        page.goto("/")
        page.locator("#main").focus()
        reached = []
        for _ in range(14):
            page.keyboard.press("Tab")
            reached.append(
                page.evaluate(
                    "document.activeElement.id || document.activeElement.name || document.activeElement.tagName"
                )
            )
            ring = page.evaluate(
                "(({ activeElement: a }) => getComputedStyle(a.closest('.drop, .preset') || a).outlineStyle)(document)"
            )
            assert ring != "none", f"no focus ring on {reached[-1]}"
            if reached[-1] == "submit":
                break
        page.set_input_files("#image", SAMPLES / "cat.jpg")
        page.locator("#prompt").focus()
        page.keyboard.type("zooms in")
        page.keyboard.press("Control+Enter")
        page.wait_for_url("**/videos/vid_*")
        return reached

    reached = browser.run(live_server.url, scenario, session=alice.cookie)
    order = [reached.index(name) for name in ("image", "prompt", "preset", "SUMMARY", "submit")]
    assert order == sorted(order)


def test_a_key_is_created_copied_and_revoked(live_server: Any, alice: Person, browser: Browser) -> None:
    def scenario(page: Page) -> str:
        page.goto("/api-keys")
        page.get_by_role("button", name="New key").first.click()
        page.get_by_label("Name").fill("from the browser")
        page.get_by_role("button", name="Create key").click()
        secret = page.locator("#secret").inner_text()
        page.get_by_role("button", name="Copy").click()
        expect(page.get_by_text("Copied")).to_be_visible()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied == secret
        page.get_by_role("link", name="Done").click()
        page.get_by_role("link", name="Manage from the browser").click()
        page.get_by_role("button", name="Revoke key").click()
        expect(page.get_by_text("was revoked")).to_be_visible()
        assert secret not in page.content()
        return secret

    permissions = ["clipboard-read", "clipboard-write"]
    secret = browser.run(live_server.url, scenario, session=alice.cookie, permissions=permissions)
    assert secret.startswith("mts_")


PATHS = ["/", "/history", "/api-keys", "/accounts/email/", "/accounts/password/change/"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_is_wider_than_a_phone_or_logs_errors(
    theme: str, live_server: Any, alice: Person, browser: Browser, make_job: Any
) -> None:
    jobs = [make_job(alice, state, prompt="a_very_long_word" * 30) for state in State]
    alice.post("/api-keys", {"name": "N" * 80, "scopes": ["videos:read", "videos:write"]})
    outside = ["/accounts/login/", "/accounts/signup/", "/accounts/password/reset/"]

    def scenario(page: Page) -> list[tuple[str, int]]:
        wide = []
        for path in [*PATHS, f"/?like={jobs[0].public_id}", *(f"/videos/{job.public_id}" for job in jobs), *outside]:
            page.goto(path)
            width = page.evaluate("document.documentElement.scrollWidth")
            if width > page.viewport_size["width"]:  # type: ignore[index]
                wide.append((path, width))
        return wide

    for viewport, touch in ((PHONE, True), (DESKTOP, False)):
        options: dict[str, Any] = {"viewport": viewport, "has_touch": touch, "is_mobile": touch, "color_scheme": theme}
        assert browser.run(live_server.url, scenario, session=alice.cookie, **options) == []


def test_on_a_phone_the_button_is_visible_and_targets_are_large(
    live_server: Any, alice: Person, browser: Browser
) -> None:
    def scenario(page: Page) -> list[Any]:
        page.goto("/")
        button = page.locator("#submit").bounding_box()
        bar = page.locator(".bottombar").bounding_box()
        expect(page.locator("#drop").get_by_text("Choose a picture", exact=True)).to_be_visible()
        expect(page.locator("#drop").get_by_text("Drop a picture here")).to_be_hidden()
        assert button
        assert bar
        assert button["y"] + button["height"] <= bar["y"] <= PHONE["height"]
        small: list[Any] = page.evaluate(
            """[...document.querySelectorAll("a, button, select, summary, textarea, input:not([type=hidden])")]
                .filter((e) => e.checkVisibility() && !e.closest(".preset, [popover], .visually-hidden"))
                .map((e) => [e.id || e.className || e.textContent.trim(), Math.round(e.getBoundingClientRect().height)])
                .filter(([name, height]) => height < 44 && !["brand", "skip"].some((n) => String(name).includes(n)))"""
        )
        return small

    small = browser.run(live_server.url, scenario, session=alice.cookie, viewport=PHONE, has_touch=True, is_mobile=True)
    assert small == []


def test_signing_in_and_out_in_the_browser(live_server: Any, alice: Person, browser: Browser) -> None:
    def scenario(page: Page) -> None:
        page.goto("/history")
        page.get_by_label("Email").fill(alice.user.email)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/history")
        page.get_by_role("button", name="Account menu").click()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_text("You are signed out.")).to_be_visible()

    browser.run(live_server.url, scenario)
