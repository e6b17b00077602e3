"""Models and limits for the administration site and the checks of settings."""

import pytest

from inference.models.catalogue import MODELS
from inference.models.sizes import Resolution
from jobs.videos.model_choices import model_choices, model_exists, pixel_choices, seconds_range


def test_the_range_of_seconds_contains_the_videos_of_all_models() -> None:
    for descriptor in (each for each in MODELS.values() if not each.test_only):
        assert seconds_range().minimum <= descriptor.num_frames.minimum / descriptor.fps.maximum
        assert descriptor.num_frames.maximum / descriptor.fps.minimum <= seconds_range().maximum


def test_models_of_tests_are_not_offered() -> None:
    names = {name for name, _ in model_choices()}
    assert names == {name for name, descriptor in MODELS.items() if not descriptor.test_only}
    assert "scripted" not in names
    assert all(title for _, title in model_choices())


@pytest.mark.parametrize(("name", "exists"), [("camera", True), ("scripted", True), ("sora", False), ("", False)])
def test_a_model_exists_by_its_name(name: str, exists: bool) -> None:
    assert model_exists(name) is exists


def test_numbers_of_pixels_are_named_by_the_resolutions_of_all_models(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = {"480p": Resolution(pixels=399_360), "0.26MP": Resolution(pixels=262_144)}
    sizes = MODELS["camera"].sizes.model_copy(update={"resolutions": wide})
    monkeypatch.setitem(MODELS, "wide", MODELS["camera"].model_copy(update={"name": "wide", "sizes": sizes}))
    choices = pixel_choices()
    assert {65_536: "256p", 262_144: "512p, 0.26MP", 399_360: "480p", 1_048_576: "1024p"}.items() <= choices.items()
    assert list(choices) == sorted(choices)
