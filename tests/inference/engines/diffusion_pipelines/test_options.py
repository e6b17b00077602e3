"""Options: defaults, and an error that names the key."""

from typing import Any

import pytest

from inference.engines.diffusion_pipelines.options import Offload, PipelineOptions
from inference.engines.wan.options import WanOptions
from inference.errors import OptionInvalid


def test_options_have_defaults_and_are_frozen() -> None:
    options = WanOptions.parse({"offload": "model_offload"})
    assert (options.offload, options.dtype, options.boundary_ratio) == (Offload.MODEL, "auto", None)
    with pytest.raises(ValueError, match="frozen"):
        options.dtype = "float16"


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"offlaod": "none"}, "offlaod"),
        ({"offload": "much"}, "offload"),
        ({"boundary_ratio": 2}, "boundary_ratio"),
        ({"loras": {"x": {"transformer_3": "file"}}}, "loras.x.transformer_3"),
        ({"loras": {"x": {"transformer": 3}}}, "loras.x.transformer"),
        ({"gguf": {"vae": "file"}}, "gguf.vae"),
        ({"gguf": {"transformer": "file"}, "offload": "sequential"}, "gguf"),
        ({"quantization": {"vae": "int8"}}, "quantization.vae"),
        ({"gguf": {"transformer": "file"}, "quantization": {"transformer": "int8"}}, "quantization"),
    ],
)
def test_the_error_names_the_key(options: dict[str, Any], key: str) -> None:
    with pytest.raises(OptionInvalid, match=f"The option {key}.* of the model is invalid: ") as caught:
        WanOptions.parse(options)
    assert caught.value.key.startswith(key)


def test_options_of_another_engine_are_unknown() -> None:
    with pytest.raises(OptionInvalid, match="boundary_ratio"):
        PipelineOptions.parse({"boundary_ratio": 0.5})
