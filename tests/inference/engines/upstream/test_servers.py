"""Which server it is, and what it is sent."""

from typing import Any

import pytest

from inference.engines.upstream.options import ServerKind
from inference.engines.upstream.servers import server_kind_of


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
