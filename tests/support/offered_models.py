"""Fixtures that change which models the site offers; otherwise tests have `camera` alone."""

from typing import Any

import pytest


@pytest.fixture
def i2vgen_xl(settings: Any) -> None:
    """The site offers I2VGen-XL alone: a model with steps, guidance and a negative prompt."""
    settings.MODELS_ENABLED = ["i2vgen-xl"]
    settings.DEFAULT_MODEL = "i2vgen-xl"


@pytest.fixture
def both_models(settings: Any) -> None:
    """The site offers I2VGen-XL beside the default model `camera`."""
    settings.MODELS_ENABLED = ["camera", "i2vgen-xl"]


@pytest.fixture
def three_models(settings: Any) -> None:
    """The site offers two models beside `camera`, each with other presets, ranges and fields."""
    settings.MODELS_ENABLED = ["camera", "i2vgen-xl", "wan-ti2v-5b"]
