"""`mutoscope models` with models that have presets of their own."""

from pathlib import Path

import pytest

from tests.client.shell import Shell
from tests.client.test_retries import fake_server

pytestmark = pytest.mark.process


def test_each_model_is_listed_with_its_own_presets(tmp_path: Path) -> None:
    models = [
        {"id": "camera", "title": "Camera", "default": True, "prices": {"fast": 1, "standard": 2, "batch": 2}},
        {"id": "wan", "title": "Wan", "default": False, "prices": {"draft": 24, "standard": 540}},
    ]
    with (
        fake_server((200, {}, {"object": "list", "data": models})) as (url, _paths),
        Shell(tmp_path, MUTOSCOPE_BASE_URL=url, MUTOSCOPE_API_KEY="mts_x") as shell,
    ):
        lines = [line.split() for line in shell.run("models").stdout.splitlines()]
    assert ["wan", "draft", "24", "Wan"] in lines
    assert ["wan", "standard", "540", "Wan"] in lines
    assert ["camera", "(default)", "batch", "2", "Camera"] in lines
