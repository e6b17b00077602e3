"""Models and limits for the administration site and the checks of settings."""

import pytest

from inference.models.catalogue import MODELS
from jobs.videos.model_choices import frames_range, model_choices, model_exists, resolution_choices, steps_range


def test_the_ranges_contain_those_of_all_models() -> None:
    for descriptor in (each for each in MODELS.values() if not each.test_only):
        assert frames_range().minimum <= descriptor.num_frames.minimum
        assert descriptor.num_frames.maximum <= frames_range().maximum
        assert descriptor.steps is None or descriptor.steps.maximum <= steps_range().maximum


def test_models_of_tests_are_not_offered() -> None:
    names = {name for name, _ in model_choices()}
    assert names == {name for name, descriptor in MODELS.items() if not descriptor.test_only}
    assert "scripted" not in names
    assert all(title for _, title in model_choices())


@pytest.mark.parametrize(("name", "exists"), [("camera", True), ("scripted", True), ("sora", False), ("", False)])
def test_a_model_exists_by_its_name(name: str, exists: bool) -> None:
    assert model_exists(name) is exists


def test_resolutions_are_named_by_their_side() -> None:
    choices = resolution_choices()
    assert {256: "256p", 512: "512p", 768: "768p", 1024: "1024p"}.items() <= dict(choices).items()
    assert choices == sorted(choices)
