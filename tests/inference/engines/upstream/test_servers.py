"""Which server it is, and what it is sent."""

from typing import Any

import pytest

from inference.engines.upstream.options import ServerKind
from inference.engines.upstream.servers import image_field, server_kind_of, submit_fields
from inference.errors import UpstreamFailed
from inference.generation import GenerationRequest


@pytest.mark.parametrize(
    ("models", "server_info", "server"),
    [
        ({"object": "list", "data": [{"id": "camera", "input_schema": {}}]}, None, ServerKind.MUTOSCOPE),
        ({"object": "list", "data": [{"id": "wan", "owned_by": "vllm"}]}, None, ServerKind.VLLM_OMNI),
        ({"object": "list", "data": [{"id": "wan"}]}, {"model_path": "wan", "task_type": "I2V"}, ServerKind.SGLANG),
        (None, {"model_path": "wan"}, ServerKind.SGLANG),
        ({"data": "?"}, None, ServerKind.VLLM_OMNI),
        ({"data": ["?"]}, None, ServerKind.VLLM_OMNI),
        (["?"], None, ServerKind.VLLM_OMNI),
    ],
)
def test_the_server_kind_of_a_server(models: Any, server_info: Any, server: ServerKind) -> None:
    assert server_kind_of(models, server_info) == server


def test_only_mutoscope_takes_a_last_image() -> None:
    assert [image_field(ServerKind.MUTOSCOPE, name) for name in ("image", "last_image")] == ["image", "last_image"]
    assert image_field(ServerKind.SGLANG, "image") == "input_reference"
    with pytest.raises(UpstreamFailed, match="no last image"):
        image_field(ServerKind.SGLANG, "last_image")


@pytest.mark.parametrize(
    ("server", "parameters", "expected"),
    [
        (ServerKind.MUTOSCOPE, {"audio"}, "true"),
        (ServerKind.MUTOSCOPE, set(), None),
        (ServerKind.SGLANG, {"audio"}, None),
        (ServerKind.VLLM_OMNI, {"audio"}, None),
    ],
)
def test_another_mutoscope_is_asked_for_sound(server: ServerKind, parameters: set[str], expected: str | None) -> None:
    request = GenerationRequest(
        prompt="x", width=64, height=64, num_frames=8, fps=8, steps=1, guidance_scale=1.0, seed=1, audio=True
    )
    fields = submit_fields(server, request, model=None, parameters=frozenset(parameters))
    assert fields.get("audio") == expected
