"""Models and limits for the administration site and the checks of settings."""

import pytest

from inference import limits
from inference.catalogue import MODELS
from inference.sizes import RESOLUTIONS
from jobs.videos.model_choices import frames_range, model_choices, model_exists, resolution_choices, steps_range


def test_the_ranges_are_those_of_requests() -> None:
    assert frames_range() == limits.NUM_FRAMES
    assert steps_range() == limits.STEPS


def test_models_of_tests_are_not_offered() -> None:
    names = {name for name, _ in model_choices()}
    assert names == {name for name, spec in MODELS.items() if not spec.test_only}
    assert "scripted" not in names
    assert all(title for _, title in model_choices())


@pytest.mark.parametrize(("name", "exists"), [("camera", True), ("scripted", True), ("sora", False), ("", False)])
def test_a_model_exists_by_its_name(name: str, exists: bool) -> None:
    assert model_exists(name) is exists


def test_resolutions_are_named_by_their_side() -> None:
    assert dict(resolution_choices()) == {side: name for name, side in RESOLUTIONS.items()}
