"""The settings that name models."""

from typing import Any

import pytest

from portal.settings.checks import check_model_settings, check_origin_settings


def test_the_enabled_models_are_known() -> None:
    assert check_model_settings() == []


@pytest.mark.parametrize(
    ("enabled", "default", "message"),
    [
        (["camera", "dolly"], "camera", "MODELS_ENABLED contains 'dolly'"),
        ([], "", "MODELS_ENABLED is empty"),
        (["camera"], "i2vgen-xl", "DEFAULT_MODEL is 'i2vgen-xl'"),
    ],
)
def test_unknown_models_are_refused_by_name(enabled: list[str], default: str, message: str, settings: Any) -> None:
    settings.MODELS_ENABLED, settings.DEFAULT_MODEL = enabled, default
    (error,) = check_model_settings()
    assert message in error.msg
    assert "camera" in error.msg


@pytest.mark.parametrize(
    ("pools", "missing"), [(["gpu", "cpu"], []), (["gpu", "cpu", "a100"], []), (["gpu"], ["camera"]), ([], ["camera"])]
)
def test_each_enabled_model_needs_its_pool(pools: list[str], missing: list[str], settings: Any) -> None:
    settings.MODELS_ENABLED, settings.DEFAULT_MODEL, settings.WORKER_POOLS = ["camera"], "camera", pools
    messages = [error.msg for error in check_model_settings()]
    assert [f"'cpu', the pool of {name!r}" in message for name, message in zip(missing, messages, strict=True)] == [
        True for _ in missing
    ]


def test_an_alias_must_name_an_enabled_model(settings: Any) -> None:
    settings.MODEL_ALIASES = {"sora-2": "camera", "sora-9": "dolly"}
    (error,) = check_model_settings()
    assert "maps 'sora-9' to 'dolly'" in error.msg


def test_origins_have_a_scheme_and_no_path(settings: Any) -> None:
    settings.CORS_ALLOWED_ORIGINS = [
        "https://app.example.com",
        "http://localhost:5173",
        "app.example.com",
        "https://a/b",
    ]
    bare, path = check_origin_settings()
    assert "'app.example.com', which is not an origin" in bare.msg
    assert "'https://a/b'" in path.msg
