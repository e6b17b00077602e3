"""LoRAs: on and off between videos, by name and scale, one file for each expert."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inference.errors import ModelIncomplete, OutOfMemory, RequestError
from inference.generation import GenerationInputs, GenerationRequest, LoraWeight
from tests.support.frames import generate_frames

LoadWan = Callable[..., Any]
Lora = Callable[[int], str]


def ignore(_step: int, _total: int) -> None:
    pass


@pytest.fixture
def inputs(first_image: Image.Image) -> GenerationInputs:
    return GenerationInputs(first_image)


@pytest.fixture(scope="module")
def engine(load_wan: LoadWan, wan_lora: Lora, tmp_path_factory: pytest.TempPathFactory) -> Any:
    import torch
    from safetensors.torch import load_file, save_file

    other = tmp_path_factory.mktemp("loras") / "other.safetensors"
    save_file({"unet.lora_A.weight": torch.zeros(1, 1)}, other)
    broken = other.with_name("broken.safetensors")
    broken.write_bytes(b"not weights")
    wide = other.with_name("wide.safetensors")
    # Twice the inputs and outputs of each layer, with the same rank.
    tensors = load_file(wan_lora(1)).items()
    save_file({name: tensor.repeat((1, 2) if "lora_A" in name else (2, 1)) for name, tensor in tensors}, wide)
    files = {
        "high.v1": {"transformer": wan_lora(1)},
        "low.v1": {"transformer_2": wan_lora(2)},
        "both": {"transformer": wan_lora(1), "transformer_2": wan_lora(2)},
        "missing": {"transformer": "/nonexistent/lora.safetensors"},
        "broken": {"transformer": str(broken)},
        "other": {"transformer": str(other)},
        "wide": {"transformer": str(wide)},
    }
    return load_wan("i2v-a14b", loras=files)


def test_loras_act_only_while_they_are_wanted(
    engine: Any, wan_request: GenerationRequest, inputs: GenerationInputs
) -> None:
    def generate(*loras: LoraWeight) -> bytes:
        frames = generate_frames(engine, replace(wan_request, loras=loras), inputs, ignore)
        return bytes(frames.tobytes())

    plain = generate()
    high, low, both = LoraWeight("high.v1"), LoraWeight("low.v1"), LoraWeight("both")
    different = [plain, generate(high), generate(low), generate(both), generate(LoraWeight("both", 0.5))]
    assert len(set(different)) == len(different)
    assert generate(LoraWeight("both", 0.0)) == plain
    assert generate(high, low) == generate(both)
    assert generate() == plain
    assert not getattr(engine.pipeline.transformer, "peft_config", None)


def test_loras_stay_for_the_next_video_that_wants_them(
    engine: Any, wan_request: GenerationRequest, inputs: GenerationInputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate_frames(engine, wan_request, inputs, ignore)  # removes those of other tests
    request = replace(wan_request, loras=(LoraWeight("both"),))
    loads, load = [], engine.pipeline.load_lora_weights

    def count(*arguments: Any, **options: Any) -> None:
        loads.append(arguments)
        load(*arguments, **options)

    monkeypatch.setattr(engine.pipeline, "load_lora_weights", count)
    first = generate_frames(engine, request, inputs, ignore)
    np.testing.assert_array_equal(generate_frames(engine, request, inputs, ignore), first)
    assert len(loads) == 2  # one file for each expert


def test_the_frames_equal_those_of_diffusers(
    engine: Any,
    wan_request: GenerationRequest,
    inputs: GenerationInputs,
    wan_lora: Lora,
    wan_checkpoint: Callable[[str], Path],
) -> None:
    import torch
    from diffusers import WanImageToVideoPipeline

    pipeline: Any = WanImageToVideoPipeline.from_pretrained(wan_checkpoint("i2v-a14b"))
    pipeline.set_progress_bar_config(disable=True)
    pipeline.load_lora_weights(wan_lora(1))
    pipeline.load_lora_weights(wan_lora(2), load_into_transformer_2=True)
    expected = pipeline(
        image=inputs.image,
        prompt=wan_request.prompt,
        negative_prompt="",
        width=64,
        height=64,
        num_frames=5,
        num_inference_steps=wan_request.steps,
        guidance_scale=wan_request.guidance_scale,
        generator=torch.Generator("cpu").manual_seed(wan_request.seed),
    ).frames[0]
    frames = generate_frames(engine, replace(wan_request, loras=(LoraWeight("both"),)), inputs, ignore)
    np.testing.assert_array_equal(frames, (expected * 255).round().astype(np.uint8))


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("none", RequestError, "no LoRA none. Choose one of: both, broken, high.v1"),
        ("missing", ModelIncomplete, "/nonexistent/lora.safetensors cannot be loaded"),
        ("broken", ModelIncomplete, "broken.safetensors cannot be loaded"),
        ("other", ModelIncomplete, "fits no layer"),
    ],
)
def test_a_lora_that_cannot_be_used_is_named_and_the_engine_stays_usable(
    name: str,
    error: type[Exception],
    message: str,
    engine: Any,
    wan_request: GenerationRequest,
    inputs: GenerationInputs,
) -> None:
    plain = generate_frames(engine, wan_request, inputs, ignore)
    loras = (LoraWeight("high.v1"), LoraWeight(name))
    with pytest.raises(error, match=message):
        generate_frames(engine, replace(wan_request, loras=loras), inputs, ignore)
    np.testing.assert_array_equal(generate_frames(engine, wan_request, inputs, ignore), plain)


def test_a_lora_for_another_size_of_the_model(
    engine: Any, wan_request: GenerationRequest, inputs: GenerationInputs
) -> None:
    plain = generate_frames(engine, wan_request, inputs, ignore)
    with pytest.raises(ModelIncomplete, match=r"wide\.safetensors cannot be loaded: (.|\n)*size mismatch"):
        generate_frames(engine, replace(wan_request, loras=(LoraWeight("wide"),)), inputs, ignore)
    np.testing.assert_array_equal(generate_frames(engine, wan_request, inputs, ignore), plain)


def test_a_lora_without_memory_for_it(
    engine: Any, wan_request: GenerationRequest, inputs: GenerationInputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    def fail(*_arguments: Any, **_options: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(engine.pipeline, "load_lora_weights", fail)
    with pytest.raises(OutOfMemory):
        generate_frames(engine, replace(wan_request, loras=(LoraWeight("low.v1"),)), inputs, ignore)


def test_a_lora_for_an_expert_that_the_model_lacks(
    load_wan: LoadWan, wan_request: GenerationRequest, wan_lora: Lora
) -> None:
    engine = load_wan("t2v", loras={"low": {"transformer_2": wan_lora(2)}})
    with pytest.raises(ModelIncomplete, match="no transformer_2"):
        generate_frames(engine, replace(wan_request, loras=(LoraWeight("low"),)), GenerationInputs(None), ignore)
