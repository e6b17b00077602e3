"""Prompts that contain what a model understands."""

import pytest

from inference.prompt_keywords import matches_keywords


@pytest.mark.parametrize(
    ("prompt", "matches"),
    [
        ("The camera slowly ZOOMS in", True),
        ("pans to the left", True),
        ("镜头向左移动", True),
        ("The cat blinks", False),
        ("The cat looks at us", False),
        ("", False),
    ],
)
def test_a_camera_movement_is_found(prompt: str, matches: bool) -> None:
    assert matches_keywords(prompt, "camera") is matches
