"""The settings that name models."""

import pytest

from portal.settings.checks import check_model_settings


def test_what_is_enabled_here_is_known():
    assert check_model_settings() == []


@pytest.mark.parametrize(
    ("enabled", "default", "words"),
    [
        (["camera", "dolly"], "camera", "MODELS_ENABLED contains 'dolly'"),
        ([], "", "MODELS_ENABLED is empty"),
        (["camera"], "i2vgen-xl", "DEFAULT_MODEL is 'i2vgen-xl'"),
    ],
)
def test_others_are_refused_by_name(enabled, default, words, settings):
    settings.MODELS_ENABLED, settings.DEFAULT_MODEL = enabled, default
    (error,) = check_model_settings()
    assert words in error.msg
    assert "camera" in error.msg


def test_another_name_must_mean_a_model_that_is_offered(settings):
    settings.MODEL_ALIASES = {"sora-2": "camera", "sora-9": "dolly"}
    (error,) = check_model_settings()
    assert "maps 'sora-9' to 'dolly'" in error.msg
