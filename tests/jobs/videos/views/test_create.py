"""The Create form: accepted values, and the messages beside its fields."""

import re
import time
from html.parser import HTMLParser
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.quota.models import LedgerEntry, Wallet
from inference.models.catalogue import MODELS
from jobs.models import Job, Priority
from jobs.states import State
from jobs.videos.views.price_estimate import _preset_prices
from tests.support.images import SAMPLES, TIMES, image_upload
from tests.support.people import Person


def message_at(response: Any, name: str) -> str:
    """Return the text of the message beside a field, without its markup."""
    found = re.search(rf'<p class="field-error" id="error-{name}".*?</p>', response.content.decode(), re.DOTALL)
    assert found, f"no element for messages at {name}"
    return re.sub(r"<[^>]+>", "", found[0]).strip()


def fields(**changes: Any) -> dict[str, Any]:
    return {"image": image_upload(), "prompt": "slowly zooms in", "preset": "fast", **changes}


def test_a_valid_form_creates_a_job(mia: Person) -> None:
    response = mia.post("/", fields(seed="11", resolution="256p", image_width="96", image_height="64"))
    job = Job.objects.get()
    assert (response.status_code, response["Location"]) == (302, f"/videos/{job.public_id}")
    assert (job.team, job.user, job.preset, job.num_frames) == (mia.team, mia.user, "fast", 8)
    assert (job.resolution, job.seed) == ("256p", 11)
    assert LedgerEntry.objects.filter(job_id=job.pk).count() == 1


def test_htmx_gets_a_redirect_header(mia: Person) -> None:
    response = mia.htmx("/", fields())
    assert response.status_code == 204
    assert response["HX-Redirect"] == f"/videos/{Job.objects.get().public_id}"


def test_the_batch_preset_has_low_priority(mia: Person) -> None:
    mia.post("/", fields(preset="batch"))
    assert Job.objects.get().priority == Priority.LOW


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("prompt", "", "Describe in a sentence"),
        ("prompt", "   ", "Describe in a sentence"),
        ("prompt", "\u200b\u3164", "Describe in a sentence"),
        ("prompt", "x" * 1011, "has 1011 characters. Shorten it by 11."),
        ("prompt", "a\0b", "not text"),
        ("num_frames", "7", "from 8 to 32"),
        ("num_frames", "many", "from 8 to 32"),
        ("fps", "25", "from 4 to 24"),
        ("steps", "101", "from 10 to 100"),
        ("guidance_scale", "nan", "number"),
        ("guidance_scale", "0.5", "from 1 to 20"),
        ("seed", "-1", "whole number from 0"),
        ("seed", "9" * 30, "whole number from 0"),
        ("resolution", "4096p", "Choose one of: "),
        ("aspect_ratio", "2:1", "Choose one of: "),
        ("output_format", "avi", "Choose one of: "),
        ("preset", "best", "Choose one of: "),
        ("model", "sora", "no model"),
        ("image", SimpleUploadedFile("a.png", b"just text", "image/png"), "not a PNG"),
        ("image", SimpleUploadedFile("a.png", b"", "image/png"), "empty"),
        ("image", SimpleUploadedFile("a.png", image_upload().read()[:60], "image/png"), "truncated"),
    ],
)
@pytest.mark.parametrize("way", ["page", "htmx"])
@pytest.mark.usefixtures("i2vgen_xl")
def test_an_invalid_field_has_a_message_and_costs_nothing(
    way: str, name: str, value: Any, says: str, mia: Person
) -> None:
    if hasattr(value, "seek"):
        value.seek(0)
    data = fields(**{name: value})
    response = mia.htmx("/", data) if way == "htmx" else mia.post("/", data)
    assert response.status_code == 422
    assert says in message_at(response, name)
    assert not Job.objects.exists()
    assert Wallet.objects.get(team=mia.team).reserved == 0


@pytest.mark.usefixtures("i2vgen_xl")
def test_the_page_keeps_the_entered_values(mia: Person) -> None:
    response = mia.post("/", fields(prompt="a very own sentence", fps="99", seed="5", negative_prompt="no haze"))
    page = response.content.decode()
    for kept in ("a very own sentence", 'value="99"', 'value="5"', 'value="no haze"'):
        assert kept in page


@pytest.mark.usefixtures("i2vgen_xl")
def test_all_messages_are_shown_at_once(mia: Person) -> None:
    response = mia.htmx("/", {"fps": "99"})
    assert message_at(response, "image") == "Choose a picture first."
    assert message_at(response, "prompt")
    assert message_at(response, "fps")
    assert not message_at(response, "steps")


def test_insufficient_credits_are_shown_beside_the_price(mia: Person) -> None:
    Wallet.objects.filter(team=mia.team).update(balance=0)
    response = mia.htmx("/", fields())
    assert response.status_code == 422
    assert "the team has 0 left" in message_at(response, "price")
    assert not Job.objects.exists()
    assert "the team has 0 left" in message_at(mia.htmx("/price?preset=high"), "price")


def test_the_advice_follows_the_chosen_model(mia: Person, settings: Any) -> None:
    settings.MODELS_ENABLED = ["camera", "i2vgen-xl"]
    cheapest = min(_preset_prices(MODELS["camera"], "auto", (1, 1)).values())
    Wallet.objects.filter(team=mia.team).update(balance=cheapest)
    for model, advice in (("camera", "Choose a smaller preset."), ("i2vgen-xl", "Ask ")):
        assert advice in message_at(mia.htmx("/", fields() | {"model": model, "preset": "high"}), "price")
        assert advice in message_at(mia.htmx(f"/price?preset=high&model={model}"), "price")


def test_a_file_that_is_too_large_is_rejected(mia: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.videos.views.forms.MAX_IMAGE_BYTES", 100)
    assert "larger than" in message_at(mia.htmx("/", fields()), "image")


def test_the_price_follows_the_settings(mia: Person) -> None:
    small = mia.htmx("/price?resolution=256p&num_frames=8&image_width=90&image_height=160").content.decode()
    assert "1 credit" in small
    assert f"192 {TIMES} 336 px" in small
    large = mia.htmx("/price?resolution=1024p&num_frames=32").content.decode()
    assert f"1024 {TIMES} 1024 px" in large
    assert re.search(r'id="price-high"\s+hx-swap-oob', large)


def test_with_several_models_one_is_chosen_and_priced(mia: Person, settings: Any) -> None:
    settings.MODELS_ENABLED, settings.DEFAULT_MODEL = ["i2vgen-xl", "camera"], "i2vgen-xl"
    page = mia.get("/").content.decode()
    assert re.search(r'<option\s+value="i2vgen-xl"\s+selected', page)
    assert "53 credits" in page
    assert "2 credits" in mia.htmx("/price?model=camera&preset=standard").content.decode()
    mia.post("/", fields(model="camera"))
    assert Job.objects.get().model == "camera"


@pytest.mark.parametrize("query", ["fps=999", "num_frames=x", "resolution=9p", "model=sora", "preset=%00"])
def test_without_a_price_the_invalid_setting_has_a_message(query: str, mia: Person) -> None:
    response = mia.htmx(f"/price?{query}")
    assert response.status_code == 200
    assert message_at(response, query.split("=", maxsplit=1)[0])
    assert "marked settings" in response.content.decode()


@pytest.mark.parametrize("size", ["image_width=0&image_height=5", "image_width=-3&image_height=1", "image_width=x"])
def test_a_nonsense_picture_size_does_not_break_the_price(size: str, mia: Person) -> None:
    assert mia.htmx(f"/price?{size}").status_code == 200


def test_another_like_it_copies_picture_and_settings(mia: Person) -> None:
    cat = SimpleUploadedFile("cat.jpg", (SAMPLES / "cat.jpg").read_bytes(), "image/jpeg")
    mia.post("/", fields(image=cat, prompt="purrs", preset="high", fps="12", seed="99"))
    first = Job.objects.get()
    page = mia.get(f"/?like={first.public_id}").content.decode()
    assert f"/videos/{first.public_id}/picture" in page
    assert "purrs" in page
    assert 'value="12"' in page
    mia.post("/", {"like": first.public_id, "prompt": "purrs again", "preset": "fast"})
    second = Job.objects.latest("id")
    assert (second.prompt, second.width, second.height, second.state) == ("purrs again", 584, 440, State.QUEUED)


def test_another_like_a_foreign_video_copies_nothing(mia: Person, charlie: Person, make_job: Any) -> None:
    job = make_job(charlie, prompt="their secret")
    assert "their secret" not in mia.get(f"/?like={job.public_id}").content.decode()
    response = mia.htmx("/", {"like": job.public_id, "prompt": "zoom"})
    assert message_at(response, "image") == "Choose a picture first."


def test_user_text_is_escaped_everywhere(mia: Person, make_job: Any) -> None:
    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    mia.team.name = evil[:120]
    mia.team.save()
    job = make_job(mia, State.FAILED, prompt=evil, negative_prompt=evil, error_message=evil, error_code="x")
    done = make_job(mia, State.COMPLETED, prompt=evil, output_format="gif", warnings=[evil])
    paths = [
        "/",
        f"/?like={job.public_id}",
        "/history",
        f"/videos/{job.public_id}",
        f"/videos/{done.public_id}",
        "/api-keys",
    ]
    for path in paths:
        page = mia.get(path).content.decode()
        assert "<script>alert" not in page
        assert "<img src=x" not in page
    searched = mia.get("/history").content.decode()
    assert "&lt;script&gt;" in searched
    assert "<script>alert" not in mia.client.get("/history", {"q": evil}).content.decode()


def test_a_prompt_is_counted_and_stored_with_single_line_ends(mia: Person) -> None:
    mia.post("/", fields(prompt="e\u0301\r\n" * 499 + "ab"))
    assert Job.objects.get().prompt == "é\n" * 499 + "ab"


def test_a_prompt_of_megabytes_is_refused_in_little_time(mia: Person) -> None:
    started = time.process_time()
    response = mia.post("/", fields(prompt="e\u0301" * 4_000_000))
    assert time.process_time() - started < 2
    assert response.status_code == 422
    assert "8000000 characters" in response.content.decode()
    assert len(response.content) < 200_000


def test_a_form_that_is_not_utf8_is_refused(mia: Person) -> None:
    body = (
        b'--line\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n' + "下雪".encode("gbk") + b"\r\n--line--\r\n"
    )
    response = mia.client.post("/", body, content_type="multipart/form-data; boundary=line")
    assert response.status_code == 400
    url_encoded = "application/x-www-form-urlencoded"
    assert mia.client.post("/team/new", "name=%CF%C2", content_type=url_encoded).status_code == 400
    assert mia.client.post("/team/new", b"name=\xcf\xc2", content_type=url_encoded).status_code == 400


class _TextFinder(HTMLParser):
    """Collects the direction of the elements that contain nothing but the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text, self.tag, self.directions = text, ("", ""), list[tuple[str, str]]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tag = tag, dict(attrs).get("dir") or ""

    def handle_data(self, data: str) -> None:
        if data.strip().startswith(self.text) and self.tag[0] not in {"title", "option"}:
            self.directions.append(self.tag)


def test_the_direction_of_user_text_follows_its_script(mia: Person, make_job: Any) -> None:
    text = "חתול ישן"
    mia.team.name = text
    mia.team.save()
    job = make_job(mia, State.COMPLETED, prompt=text, negative_prompt=text)
    for path in ("/", f"/?like={job.public_id}", "/history", f"/videos/{job.public_id}", "/team", "/team/settings"):
        finder = _TextFinder(text)
        finder.feed(mia.get(path).content.decode())
        assert finder.directions, path
        assert {direction for _tag, direction in finder.directions} == {"auto"}, (path, finder.directions)
