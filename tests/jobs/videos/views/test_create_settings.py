"""The settings of the Create page depend on the chosen model."""

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.template.defaultfilters import striptags

from accounts.quota.models import Plan, Wallet
from inference.models.catalogue import MODELS
from inference.models.presets import PresetLora
from jobs.models import Job
from jobs.states import State
from tests.jobs.videos.views.test_create import fields, message_at
from tests.jobs.videos.views.test_plan_options import choices, hint, presets
from tests.support.people import Person
from tests.support.videos import finished_video

pytestmark = pytest.mark.usefixtures("three_models")
OPTIONAL = {"steps", "guidance_scale", "negative_prompt"}


def settings_of(person: Person, query: str) -> str:
    response = person.htmx(f"/create/settings?{query}")
    assert response.status_code == 200
    return str(response.content.decode())


def value_of(page: str, name: str) -> str:
    """Return the value of an input, or the text of the chosen option of a list."""
    if found := re.search(rf'<input[^>]*name="{name}"[^>]*?value="([^"]*)"', page):
        return found[1]
    select = re.search(rf'<select[^>]*name="{name}".*?</select>', page, re.DOTALL)
    chosen = re.search(r"<option[^>]*\bselected\b[^>]*>\s*(.*?)\s*</option>", select[0], re.DOTALL) if select else None
    return chosen[1] if chosen else ""


def checked_preset(page: str) -> str:
    found = re.search(r'name="preset"\s+value="(\w+)"[^>]*\bchecked\b', page)
    return found[1] if found else ""


def facts(page: str) -> list[str]:
    """Return the line of facts of each preset."""
    found = re.findall(r'class="preset-facts"\s*>(.*?)</span>\s*(?:<span\s+class="preset-|</label)', page, re.DOTALL)
    return [" ".join(striptags(each).split()) for each in found]


def shown_fields(page: str) -> set[str]:
    return {*re.findall(r'<(?:input|select|textarea)[^>]*\sname="(\w+)"', page)}


def test_the_settings_are_those_of_the_chosen_model(mia: Person) -> None:
    page = settings_of(
        mia, "model=wan-ti2v-5b&preset=fast&num_frames=8&fps=8&seed=5&aspect_ratio=9:16&output_format=gif"
    )
    assert {*presets(page)} == {"draft", "standard"}
    assert checked_preset(page) == "standard"
    values = [value_of(page, name) for name in ("settings_model", "resolution", "num_frames", "fps", "steps")]
    assert values == ["wan-ti2v-5b", "720p", "121", "24", "50"]
    assert [value_of(page, name) for name in ("seed", "aspect_ratio", "output_format")] == ["5", "9:16", "GIF picture"]
    assert 'data-maximum="2000"' in page
    assert "up to five seconds at 720p" in page


def test_a_preset_of_the_same_name_stays_chosen(mia: Person) -> None:
    page = settings_of(mia, "model=i2vgen-xl&preset=high")
    assert checked_preset(page) == "high"
    assert [value_of(page, name) for name in ("num_frames", "steps", "guidance_scale")] == ["24", "80", "10"]


@pytest.mark.parametrize("name", ["sora", "", "%00", "scripted"])
def test_an_unknown_model_gives_the_default_one(name: str, mia: Person) -> None:
    assert value_of(settings_of(mia, f"model={name}&preset=high"), "settings_model") == "camera"


def test_fields_without_an_effect_are_neither_shown_nor_checked(mia: Person) -> None:
    assert not OPTIONAL & shown_fields(mia.get("/").content.decode())
    assert shown_fields(mia.get("/?model=i2vgen-xl").content.decode()) >= OPTIONAL
    price = mia.htmx("/price?steps=999&guidance_scale=x").content.decode()
    assert "2 credits" in price
    # Messages at fields that the page does not have would be an error of htmx.
    assert not OPTIONAL & {*re.findall(r'id="error-(\w+)"', price)}
    mia.post("/", fields(steps="999", guidance_scale="x", negative_prompt="haze"))
    job = Job.objects.get()
    assert (job.steps, job.guidance_scale, job.negative_prompt) == (None, None, "")
    video = " ".join(re.findall(r"<dt>(.*?)</dt>", mia.get(f"/videos/{job.public_id}").content.decode()))
    assert "Seed" in video
    assert "Steps" not in video
    assert "Guidance" not in video


def test_presets_say_their_length_and_only_the_steps_that_there_are(mia: Person) -> None:
    assert facts(mia.get("/").content.decode())[1] == "512p · 2.0 s · 16 frames"
    assert facts(settings_of(mia, "model=wan-ti2v-5b")) == [
        "480p · 2.0 s · 49 frames · 20 steps",
        "720p · 5.0 s · 121 frames · 50 steps",
    ]
    assert "More steps" not in mia.get("/").content.decode()


def test_standard_and_batch_differ_by_their_text(mia: Person) -> None:
    page = html.unescape(mia.get("/").content.decode())
    assert "Like standard, at the same price. The team's other videos go first." in page


def test_numbers_of_a_grid(mia: Person) -> None:
    page = settings_of(mia, "model=wan-ti2v-5b")
    assert re.search(r'name="num_frames"\s+min="5"\s+max="121"\s+step="4"', page)
    assert re.search(r'name="guidance_scale"\s+min="1.0"\s+max="10.0"\s+step="0.5"', page)
    frames = re.search(r'<label for="num_frames">(.*?)</label>', page, re.DOTALL)
    assert frames
    assert " ".join(striptags(frames[1]).split()) == "Frames5, 9, … 121"
    response = mia.htmx("/", fields(model="wan-ti2v-5b", preset="draft", num_frames="50"))
    assert "from 5 to 121 in steps of 4" in message_at(response, "num_frames")
    assert "49 or 53" in message_at(response, "num_frames")


def test_the_plan_of_the_team_applies_to_the_settings(mia: Person) -> None:
    Plan.objects.update(max_seconds=2.1, allowed_models=["camera", "wan-ti2v-5b"])
    page = settings_of(mia, "model=wan-ti2v-5b")
    assert presets(page) == {"draft": "", "standard": "Plan standard: up to 2.1 s"}
    assert re.search(r'name="num_frames"\s+min="5"\s+max="49"', page)
    assert hint(page, "num_frames") == "Your team's plan (standard) allows up to 2.1 s: 49 frames at 24 fps."
    # A model beyond the plan cannot be chosen, and a request for its settings does not break.
    assert list(choices(mia.get("/").content.decode(), "model").values()) == [True, False, True]
    assert value_of(settings_of(mia, "model=i2vgen-xl"), "settings_model") == "i2vgen-xl"


@pytest.mark.parametrize("query", ["", "?model=camera"])
def test_a_form_begins_with_a_model_of_the_plan(query: str, mia: Person) -> None:
    Plan.objects.update(allowed_models=["i2vgen-xl", "wan-ti2v-5b"])
    page = mia.get(f"/{query}").content.decode()
    assert value_of(page, "model") == MODELS["i2vgen-xl"].title
    assert value_of(page, "settings_model") == "i2vgen-xl"
    assert value_of(page, "steps") == "50"


def test_without_scripts_settings_follow_the_chosen_model(mia: Person) -> None:
    """The form still has the settings of the former one: those of its preset, and those that were changed."""
    former = {"settings_model": "i2vgen-xl", "settings_of": "high", "preset": "high", "resolution": "768p"}
    former |= {"num_frames": "24", "fps": "8", "steps": "80", "guidance_scale": "10", "negative_prompt": "haze"}
    mia.post("/", fields(**former, model="camera"))
    job = Job.objects.get()
    assert (job.model, job.preset, job.num_frames, job.steps) == ("camera", "high", 24, None)
    response = mia.post("/", fields(**former | {"steps": "60"}, model="wan-ti2v-5b"))
    page = response.content.decode()
    assert response.status_code == 422
    assert "from 20 to 50" in message_at(response, "steps")
    assert [value_of(page, name) for name in ("steps", "num_frames", "fps")] == ["60", "121", "24"]
    assert checked_preset(page) == "standard"
    assert re.search(r'id="advanced"\s+open', page)


def test_a_video_of_another_model_is_copied_as_far_as_possible(
    mia: Person, make_job: Callable[..., Job], settings: Any
) -> None:
    numbers = {"num_frames": 49, "fps": 20, "resolution": "480p", "steps": 20, "guidance_scale": 5.0}
    job = make_job(mia, State.COMPLETED, model="wan-ti2v-5b", preset="draft", **numbers)
    page = mia.get(f"/?like={job.public_id}").content.decode()
    assert [value_of(page, name) for name in ("settings_model", "num_frames", "fps")] == ["wan-ti2v-5b", "49", "20"]
    assert "Its model is not available" not in page
    settings.MODELS_ENABLED = ["camera", "i2vgen-xl"]
    page = mia.get(f"/?like={job.public_id}").content.decode()
    assert "Its model is not available, so the other settings are those of Camera." in page
    # The rate is one of this model; the frames and the resolution are not.
    values = [value_of(page, name) for name in ("settings_model", "resolution", "num_frames", "fps")]
    assert values == ["camera", "512p", "16", "20"]
    assert job.prompt in page


def test_texts_of_an_operator_are_escaped(mia: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    evil = "<script>alert(1)</script>\"'><img src=x>"
    model = MODELS["i2vgen-xl"]
    preset = model.default.model_copy(update={"title": evil, "description": evil})
    changes = {"title": evil, "description": evil, "presets": {"standard": preset}}
    monkeypatch.setitem(MODELS, "i2vgen-xl", model.model_copy(update=changes))
    for page in (settings_of(mia, "model=i2vgen-xl"), mia.get("/?model=i2vgen-xl").content.decode()):
        assert page.count("&lt;script&gt;alert(1)") >= 3
        assert "<script>alert" not in page
        assert "<img src=x" not in page


@pytest.mark.parametrize(
    ("language", "says"),
    [("en", "camera moves only the view, nothing in the image"), ("zh-hans", "只移动视角，不移动图片中的事物")],  # noqa: RUF001
)
def test_a_prompt_without_a_camera_movement_has_a_warning(language: str, says: str, mia: Person) -> None:
    for prompt, is_warned in (("The cat blinks", True), ("slowly zooms in", False)):
        url = mia.post("/", fields(prompt=prompt))["Location"]
        page = mia.client.get(url, headers={"Accept-Language": language}).content.decode()
        assert (says in page) is is_warned


def test_the_price_without_an_image_is_that_of_the_submit(mia: Person) -> None:
    Wallet.objects.filter(team=mia.team).update(balance=1000)
    query = "model=wan-ti2v-5b&preset=standard"
    without, square = (
        mia.htmx(f"/price?{query}{size}").content.decode() for size in ("", "&image_width=9&image_height=9")
    )
    assert "1280 × 704 px" in without  # noqa: RUF001
    assert "1280 × 704 px" not in square  # noqa: RUF001
    mia.post("/", {"model": "wan-ti2v-5b", "preset": "standard", "prompt": "waves"})
    assert f"{Job.objects.get().quoted_credits} credits" in without


@pytest.mark.parametrize("image", ["optional", "none"])
def test_the_page_says_whether_the_model_needs_a_picture(
    image: str, mia: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = MODELS["i2vgen-xl"]
    inputs = model.inputs.model_copy(update={"image": image})
    monkeypatch.setitem(MODELS, "i2vgen-xl", model.model_copy(update={"inputs": inputs}))
    assert f'data-image="{image}"' in settings_of(mia, "model=i2vgen-xl")
    # A picture that was chosen for another model is no error.
    assert mia.post("/", fields(model="i2vgen-xl")).status_code == 302
    assert Job.objects.get().has_image is (image == "optional")


@pytest.fixture
def lightning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wan has a preset with a LoRA."""
    wan = MODELS["wan-ti2v-5b"]
    fast = wan.presets["draft"].model_copy(update={"loras": (PresetLora(name="lightning", scale=0.5),)})
    changes = {
        "engine_options": {"loras": {"lightning": {"transformer": "l.safetensors"}}},
        "presets": {**wan.presets, "lightning": fast},
    }
    monkeypatch.setitem(MODELS, "wan-ti2v-5b", wan.model_copy(update=changes))


@pytest.mark.usefixtures("lightning")
def test_a_changed_preset_keeps_its_loras(mia: Person) -> None:
    Wallet.objects.update(balance=10_000)
    page = settings_of(mia, "model=wan-ti2v-5b&preset=lightning")
    assert value_of(page, "loras_of") == "lightning"
    chosen = {"model": "wan-ti2v-5b", "resolution": "480p", "steps": "20", "guidance_scale": "5", "fps": "24"}
    chosen["preset"] = ""
    assert mia.post("/", fields(**chosen, loras_of="lightning", num_frames="9")).status_code == 302
    job = Job.objects.get()
    assert (job.num_frames, job.preset, job.loras) == (9, "", [{"name": "lightning", "scale": 0.5}])
    assert mia.post("/", fields(**chosen, loras_of="draft", num_frames="13")).status_code == 302
    assert Job.objects.get(num_frames=13).loras == []


@pytest.mark.usefixtures("lightning")
def test_a_video_is_copied_with_the_loras_of_its_preset(mia: Person) -> None:
    settings = {"model": "wan-ti2v-5b", "preset": "lightning", "resolution": "480p", "num_frames": 49, "fps": 24}
    for loras, expected in (([{"name": "lightning", "scale": 0.5}], "lightning"), ([], "")):
        video = finished_video(mia, **settings, steps=20, guidance_scale=5.0, loras=loras)
        page = mia.get(f"/?like={video.public_id}").content.decode()
        assert (checked_preset(page), value_of(page, "loras_of")) == (expected, expected)
