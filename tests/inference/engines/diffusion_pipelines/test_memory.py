"""Memory levels: what they are, that each makes the same frames, and that each can be undone."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inference.engines.diffusion_pipelines.options import Offload, PipelineOptions
from inference.errors import Canceled
from inference.generation import GenerationInputs, GenerationRequest, LoraWeight
from tests.support.frames import generate_frames

LoadWan = Callable[..., Any]


def ignore(_step: int, _total: int) -> None:
    pass


def test_leaner_levels_follow_the_configured_one() -> None:
    from inference.engines.diffusion_pipelines.memory import MemoryLevel, memory_levels

    assert memory_levels(PipelineOptions()) == [
        MemoryLevel(Offload.NONE, vae_slicing=False, vae_tiling=False),
        MemoryLevel(Offload.NONE, vae_slicing=True, vae_tiling=True),
        MemoryLevel(Offload.MODEL, vae_slicing=True, vae_tiling=True),
        MemoryLevel(Offload.GROUP, vae_slicing=True, vae_tiling=True),
        MemoryLevel(Offload.SEQUENTIAL, vae_slicing=True, vae_tiling=True),
    ]
    assert memory_levels(PipelineOptions(offload=Offload.SEQUENTIAL, vae_slicing=True, vae_tiling=True)) == [
        MemoryLevel(Offload.SEQUENTIAL, vae_slicing=True, vae_tiling=True)
    ]
    quantized = memory_levels(PipelineOptions(gguf={"transformer": "file"}))
    assert [level.offload for level in quantized] == [Offload.NONE, Offload.NONE, Offload.MODEL, Offload.GROUP]


@pytest.mark.parametrize("kind", ["ti2v", "i2v-a14b"])
def test_every_way_of_offloading_makes_the_same_frames(
    kind: str,
    load_wan: LoadWan,
    wan_request: GenerationRequest,
    first_image: Image.Image,
    wan_lora: Callable[[int], str],
) -> None:
    """Also with LoRAs on both experts, which offloading by diffusers alone had broken once (diffusers#12052)."""
    names = ("transformer", "transformer_2") if kind == "i2v-a14b" else ()
    options = {"loras": {"style": {name: wan_lora(number) for number, name in enumerate(names)}}}
    with_lora = replace(wan_request, loras=(LoraWeight("style"),))
    requests = [wan_request, with_lora, wan_request] if names else [wan_request]
    seen = {}
    for offload in Offload:
        engine = load_wan(kind, offload=offload, **options)
        seen[offload] = [
            generate_frames(engine, request, GenerationInputs(first_image), ignore) for request in requests
        ]
    for offload in Offload:
        # The rounding of sums depends on where weights lie in the memory.
        assert np.abs(np.subtract(seen[offload], seen[Offload.NONE], dtype=int)).max() <= 1


def test_quantized_weights_make_similar_frames_offloaded_or_not_and_with_loras(
    load_wan: LoadWan,
    wan_checkpoint: Callable[[str], Path],
    wan_request: GenerationRequest,
    first_image: Image.Image,
    wan_lora: Callable[[int], str],
    tmp_path: Path,
) -> None:
    from tests.support.wan_checkpoint import make_gguf

    files = {name: str(tmp_path / f"{name}.gguf") for name in ("transformer", "transformer_2")}
    for name, file in files.items():
        make_gguf(Path(file), wan_checkpoint("i2v-a14b"), name)
    loras = {"style": {"transformer": wan_lora(1)}}
    inputs, with_lora = GenerationInputs(first_image), replace(wan_request, loras=(LoraWeight("style"),))
    exact = load_wan("i2v-a14b", loras=loras)
    expected = [generate_frames(exact, request, inputs, ignore) for request in (wan_request, with_lora)]
    for offload in (Offload.NONE, Offload.MODEL, Offload.GROUP):
        engine = load_wan("i2v-a14b", loras=loras, gguf=files, offload=offload)
        frames = [generate_frames(engine, request, inputs, ignore) for request in (wan_request, with_lora)]
        assert np.abs(np.subtract(frames, expected, dtype=int)).mean() < 0.05
        assert np.abs(np.subtract(frames[0], frames[1], dtype=int)).mean() > 0.2


@pytest.mark.parametrize("offload", Offload)
def test_weights_that_torchao_quantizes_make_similar_frames_offloaded_or_not_and_with_loras(
    offload: Offload,
    load_wan: LoadWan,
    wan_request: GenerationRequest,
    first_image: Image.Image,
    wan_lora: Callable[[int], str],
) -> None:
    from torchao.quantization import Float8Tensor, Int8Tensor

    loras = {"style": {"transformer": wan_lora(1)}}
    precisions = {"transformer": "int8", "transformer_2": "float8", "text_encoder": "int8"}
    inputs, with_lora = GenerationInputs(first_image), replace(wan_request, loras=(LoraWeight("style"),))
    exact = load_wan("i2v-a14b", loras=loras)
    expected = [generate_frames(exact, request, inputs, ignore) for request in (wan_request, with_lora)]
    engine = load_wan("i2v-a14b", loras=loras, quantization=precisions, offload=offload)
    experts = ("transformer", "transformer_2")
    weights = {name: type(getattr(engine.pipeline, name).blocks[0].attn1.to_q.weight.data) for name in experts}
    assert weights == {"transformer": Int8Tensor, "transformer_2": Float8Tensor}
    frames = [generate_frames(engine, request, inputs, ignore) for request in (wan_request, with_lora)]
    assert np.abs(np.subtract(frames, expected, dtype=int)).mean() < 0.2
    assert np.abs(np.subtract(frames[0], frames[1], dtype=int)).mean() > 0.2


def hooks(network: Any) -> list[str]:
    """Return what of accelerate and diffusers moves a network."""
    parts = list(network.modules())
    registries = [part._diffusers_hook for part in parts if hasattr(part, "_diffusers_hook")]
    found = {type(part._hf_hook).__name__ for part in parts if hasattr(part, "_hf_hook")}
    return sorted(found | {name for registry in registries for name in registry.hooks})


@pytest.mark.parametrize(
    ("offload", "expected"),
    [
        (Offload.NONE, []),
        (Offload.MODEL, ["CpuOffload"]),
        (Offload.GROUP, ["group_offloading"]),
        (Offload.SEQUENTIAL, ["AlignDevicesHook"]),
    ],
)
def test_levels_are_applied_and_released(offload: Offload, expected: list[str], load_wan: LoadWan) -> None:
    engine = load_wan("t2v", offload=offload)
    transformer = engine.pipeline.transformer
    assert set(hooks(transformer)) >= set(expected)
    assert bool(hooks(transformer)) == bool(expected)
    engine._memory.release()
    assert hooks(transformer) == []
    assert {parameter.device.type for parameter in transformer.parameters()} == {"cpu"}
    engine._memory.apply()
    assert set(hooks(transformer)) >= set(expected)


def test_slicing_and_tiling_are_switched(load_wan: LoadWan) -> None:
    vae = load_wan("t2v", vae_slicing=True, vae_tiling=True).pipeline.vae
    assert (vae.use_slicing, vae.use_tiling) == (True, True)
    vae = load_wan("t2v").pipeline.vae
    assert (vae.use_slicing, vae.use_tiling) == (False, False)


@pytest.mark.parametrize("offload", [Offload.MODEL, Offload.GROUP, Offload.SEQUENTIAL])
def test_a_run_that_was_stopped_within_a_step_leaves_an_offloaded_engine_usable(
    offload: Offload, load_wan: LoadWan, wan_request: GenerationRequest
) -> None:
    seen: list[int] = []

    def stop_in_the_second_step(step: int, _total: int) -> None:
        seen.append(step)
        if seen[-2:] == [1, 1]:
            raise Canceled

    engine = load_wan("t2v", offload=offload)
    expected = generate_frames(engine, wan_request, GenerationInputs(None), ignore)
    with pytest.raises(Canceled):
        generate_frames(engine, wan_request, GenerationInputs(None), stop_in_the_second_step)
    np.testing.assert_array_equal(generate_frames(engine, wan_request, GenerationInputs(None), ignore), expected)


def test_networks_go_back_to_the_host_when_a_run_was_stopped(
    load_wan: LoadWan, wan_request: GenerationRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the CPU nothing moves, so the call is what can be seen."""

    def stop(_step: int, _total: int) -> None:
        raise Canceled

    for offload, count in ((Offload.NONE, 0), (Offload.MODEL, 1)):
        engine, calls = load_wan("t2v", offload=offload), list[int]()
        monkeypatch.setattr(engine.pipeline, "maybe_free_model_hooks", lambda calls=calls: calls.append(1))
        with pytest.raises(Canceled):
            generate_frames(engine, wan_request, GenerationInputs(None), stop)
        assert len(calls) == count
