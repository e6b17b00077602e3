"""Fixtures that change which models the site offers; otherwise tests have `camera` alone."""

from collections.abc import Callable
from typing import Any

import pytest

from inference.models.catalogue import MODELS
from inference.models.descriptor import License, ModelDescriptor


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


@pytest.fixture
def licensed_model(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., ModelDescriptor]:
    """Offers a copy of `camera` named `licensed` whose licence has to be accepted; called again, with another one."""

    def offer(name: str = "Community", url: str = "https://licenses.example/1") -> ModelDescriptor:
        terms = License(name=name, url=url, requires_acceptance=True)
        model = MODELS["camera"].model_copy(update={"name": "licensed", "title": "Licensed", "license": terms})
        monkeypatch.setitem(MODELS, model.name, model)
        settings.MODELS_ENABLED = ["camera", model.name]
        return model

    return offer
