"""The Create page offers what the plan allows, explains the limits, and rejects other values."""

import html
import re
from typing import Any

import pytest

from accounts.models import Membership
from accounts.quota.models import Plan
from jobs.models import Job
from tests.jobs.videos.views.test_create import fields
from tests.support.people import Person


def choices(page: str, name: str) -> dict[str, bool]:
    """Map each option of a list to whether it can be chosen."""
    select = re.search(rf'<select[^>]*name="{name}".*?</select>', page, re.DOTALL)
    options = re.findall(r"<option([^>]*)>\s*(.*?)\s*</option>", select[0], re.DOTALL) if select else []
    return {text: "disabled" not in attributes for attributes, text in options}


def presets(page: str) -> dict[str, str]:
    """Map each preset to the limits that exclude it."""
    cards = re.findall(r'<label class="preset.*?</label>', page, re.DOTALL)
    found = {}
    for card in cards:
        limits = re.search(r'class="preset-limits".*?</svg>\s*(.*?)</span>', card, re.DOTALL)
        name = re.search(r'value="(\w+)"[^>]*>', card)
        assert name
        assert ("disabled" in name[0]) is bool(limits)
        found[name[1]] = limits[1] if limits else ""
    return found


def hint(page: str, name: str) -> str:
    """Return the hint about the plan beside a field, and check that the field refers to it for screen readers."""
    found = re.search(rf'id="plan-{name}">(.*?)</span>', page)
    described = re.search(rf'aria-describedby="[^"]*plan-{name} error-{name}"', page)
    assert bool(described) is bool(found)
    return html.unescape(found[1]) if found else ""


NARROW = {
    "max_pixels": 262_144,
    "max_seconds": 1.5,
    "allowed_formats": ["gif"],
    "allowed_priorities": ["normal"],
}


def test_with_everything_allowed_the_plan_is_not_mentioned(mia: Person) -> None:
    page = mia.get("/").content.decode()
    assert choices(page, "resolution") == dict.fromkeys(["256p", "512p", "768p", "1024p"], True)
    assert choices(page, "output_format") == {"MP4 video": True, "GIF picture": True}
    assert presets(page) == dict.fromkeys(["fast", "standard", "high", "batch"], "")
    assert [hint(page, name) for name in ("resolution", "output_format", "num_frames")] == [""] * 3


@pytest.mark.usefixtures("i2vgen_xl")
def test_choices_beyond_the_plan_are_disabled_with_a_hint(mia: Person) -> None:
    Plan.objects.update(**NARROW)
    page = mia.get("/").content.decode()
    assert choices(page, "resolution") == {"256p": True, "512p": True, "768p": False, "1024p": False}
    assert choices(page, "output_format") == {"MP4 video": False, "GIF picture": True}
    assert presets(page) == {
        "fast": "",
        "standard": "Plan standard: up to 1.5 s",
        "high": "Plan standard: up to 512p · up to 1.5 s",
        "batch": "Plan standard: up to 1.5 s · no low priority",
    }
    assert re.search(r'name="num_frames"\s+min="8"\s+max="12"\s+step="1"\s+value="12"', page)
    assert re.search(r'name="steps"\s+min="10"\s+max="100"\s+step="1"\s+value="50"', page)
    assert hint(page, "resolution") == "Your team's plan (standard) allows up to 512p."
    assert hint(page, "num_frames") == "Your team's plan (standard) allows up to 1.5 s: 12 frames at 8 fps."
    assert hint(page, "output_format") == "Your team's plan (standard) does not include the other options."
    price = mia.htmx("/price").content.decode()
    assert "price-fast" in price
    assert "price-high" not in price


def test_a_submitted_choice_beyond_the_plan_stays_selected(mia: Person) -> None:
    """A browser does not send a selected choice that is disabled, so the video would get a default unnoticed."""
    Plan.objects.update(**NARROW)
    sent = {"preset": "high", "resolution": "1024p", "output_format": "mp4"}
    page = mia.post("/", fields(**sent)).content.decode()
    chosen = re.findall(r"<(?:input|option)[^>]*\b(?:checked|selected)\b[^>]*>\s*\w*", page)
    for value in sent.values():
        assert any(value in tag for tag in chosen), value
    assert not any("disabled" in tag for tag in chosen)
    assert not Job.objects.exists()


@pytest.mark.usefixtures("i2vgen_xl")
def test_hints_are_in_chinese(mia: Person) -> None:
    Plan.objects.update(**NARROW | {"max_pixels": 16_384})
    page = mia.client.get("/", headers={"Accept-Language": "zh-hans"}).content.decode()
    assert presets(page)["high"] == "套餐 standard：最高 16,384 像素 · 最长 1.5 秒"  # noqa: RUF001
    assert hint(page, "resolution") == "团队的套餐（standard）最高允许 16,384 像素。"  # noqa: RUF001
    assert hint(page, "num_frames") == "团队的套餐（standard）最长允许 1.5 秒：8 fps 时为 12 帧。"  # noqa: RUF001
    assert hint(page, "output_format") == "团队的套餐（standard）不包含其他选项。"  # noqa: RUF001


def test_the_number_of_frames_depends_on_the_rate(mia: Person) -> None:
    Plan.objects.update(max_seconds=1)
    page = mia.post("/", fields(fps="20", num_frames="25")).content.decode()
    assert re.search(r'name="num_frames"\s+min="8"\s+max="20"\s', page)
    assert hint(page, "num_frames") == "Your team's plan (standard) allows up to 1 s: 20 frames at 20 fps."
    for unusable in ("", "99", "9" * 5000, "x"):
        page = mia.post("/", fields(fps=unusable, num_frames="25")).content.decode()
        assert re.search(r'name="num_frames"\s+min="8"\s+max="8"\s', page), unusable


def test_the_longest_video_is_one_that_the_model_makes(mia: Person, settings: Any) -> None:
    settings.MODELS_ENABLED = ["wan-ti2v-5b"]
    settings.DEFAULT_MODEL = "wan-ti2v-5b"
    Plan.objects.update(max_seconds=5, max_pixels=901_120)
    page = mia.get("/").content.decode()
    assert presets(page) == {"draft": "", "standard": ""}
    assert hint(page, "num_frames") == ""
    Plan.objects.update(max_seconds=3, max_pixels=400_000)
    page = mia.get("/").content.decode()
    assert presets(page) == {"draft": "", "standard": "Plan standard: up to 480p · up to 3 s"}
    assert re.search(r'name="num_frames"\s+min="5"\s+max="73"\s+step="\d"\s+value="73"', page)
    assert choices(page, "resolution") == {"480p": True, "720p": False}


def test_a_model_beyond_the_plan_is_disabled(mia: Person, settings: Any) -> None:
    settings.MODELS_ENABLED = ["camera", "i2vgen-xl"]
    Plan.objects.update(allowed_models=["camera"])
    page = mia.get("/").content.decode()
    assert list(choices(page, "model").values()) == [True, False]
    assert hint(page, "model") == "Your team's plan (standard) does not include the other options."


@pytest.mark.parametrize(
    ("language", "says"),
    [("en", "allows up to 1.5 s: 12 frames at 8 fps"), ("zh-hans", "最长允许 1.5 秒")],
)
def test_submitted_values_beyond_the_plan_are_rejected_at_their_field(language: str, says: str, mia: Person) -> None:
    Plan.objects.update(max_seconds=1.5)
    response = mia.client.post(
        "/", fields(num_frames="16"), headers={"HX-Request": "true", "Accept-Language": language}
    )
    assert response.status_code == 422
    mark = re.search(r'id="error-num_frames".*?</p>', response.content.decode(), re.DOTALL)
    assert mark
    assert says in mark[0]
    assert not Job.objects.exists()


@pytest.mark.parametrize(("language", "says"), [("en", "your daily limit of videos (0)"), ("zh-hans", "每天 0 个视频")])
def test_an_exhausted_quota_is_shown_beside_the_price(language: str, says: str, mia: Person) -> None:
    Membership.objects.filter(user=mia.user).update(videos_per_day=0)
    headers: Any = {"HX-Request": "true", "Accept-Language": language}
    response = mia.client.post("/", fields(), headers=headers)
    assert says in response.content.decode()
    assert not Job.objects.exists()
