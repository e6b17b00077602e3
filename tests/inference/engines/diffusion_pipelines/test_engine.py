"""What all engines of pipelines share: progress, cancellation, previews, less memory, reuse."""

import gc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from inference.engines.base import PreviewFn
from inference.errors import Canceled, DeviceBroken, ModelNotFound, OutOfMemory
from inference.generation import GenerationInputs, GenerationRequest
from tests.support.frames import generate_frames
from tests.support.networks import failing

LoadWan = Callable[..., Any]


def ignore(_step: int, _total: int) -> None:
    pass


@pytest.fixture(scope="module")
def engine(load_wan: LoadWan) -> Any:
    return load_wan("ti2v")


@pytest.fixture
def inputs(first_image: Image.Image) -> GenerationInputs:
    return GenerationInputs(first_image)


def test_every_step_is_reported(engine: Any, wan_request: GenerationRequest, inputs: GenerationInputs) -> None:
    seen: list[tuple[int, int]] = []
    generate_frames(engine, wan_request, inputs, lambda step, total: seen.append((step, total)))
    # A step runs one block with and one without the prompt; then two groups of frames are decoded.
    assert [step for step, _ in seen] == [0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4]
    assert {total for _, total in seen} == {4}


@pytest.mark.parametrize("calls", [1, 6, 10])
def test_cancel_stops_within_a_step_of_denoising_and_decoding_and_the_engine_stays_usable(
    calls: int, engine: Any, wan_request: GenerationRequest, inputs: GenerationInputs
) -> None:
    seen: list[int] = []

    def cancel(step: int, _total: int) -> None:
        seen.append(step)
        if len(seen) == calls:
            raise Canceled

    expected = generate_frames(engine, wan_request, inputs, ignore)
    with pytest.raises(Canceled):
        generate_frames(engine, wan_request, inputs, cancel)
    assert len(seen) == calls
    assert not any(part is not None for part in engine.pipeline.vae._feat_map)
    np.testing.assert_array_equal(generate_frames(engine, wan_request, inputs, ignore), expected)


def test_runs_do_not_influence_each_other_and_leave_no_tensors_behind(
    engine: Any, wan_request: GenerationRequest, inputs: GenerationInputs
) -> None:
    import torch

    def tensors() -> int:
        gc.collect()
        return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())

    first = generate_frames(engine, wan_request, inputs, ignore)
    before = tensors()
    generate_frames(engine, replace(wan_request, seed=8, num_frames=9), inputs, ignore)
    np.testing.assert_array_equal(generate_frames(engine, wan_request, inputs, ignore), first)
    assert tensors() == before


def test_a_preview_after_each_step_changes_nothing(
    engine: Any, wan_request: GenerationRequest, inputs: GenerationInputs
) -> None:
    seen: list[NDArray[np.uint8]] = []

    def on_preview(preview: PreviewFn) -> None:
        seen.append(preview())

    frames = generate_frames(engine, wan_request, inputs, ignore, on_preview)
    assert {(preview.shape, preview.dtype.name) for preview in seen} == {((4, 4, 3), "uint8")}
    assert len(seen) == wan_request.steps
    assert len({preview.tobytes() for preview in seen}) == wan_request.steps
    np.testing.assert_array_equal(generate_frames(engine, wan_request, inputs, ignore), frames)


def test_previews_show_the_prediction_without_noise(engine: Any) -> None:
    import torch
    from diffusers import FlowMatchEulerDiscreteScheduler

    from inference.engines.diffusion_pipelines.engine import predicted_original

    scheduler, noisy, clean = engine.pipeline.scheduler, torch.zeros(1), torch.ones(1)
    scheduler.model_outputs = [None, clean]
    assert predicted_original(scheduler, noisy) is clean
    assert predicted_original(FlowMatchEulerDiscreteScheduler(), noisy) is noisy


def test_a_stage_without_memory_is_repeated_with_tiles_then_with_offloading(
    engine: Any, wan_request: GenerationRequest, inputs: GenerationInputs
) -> None:
    expected = generate_frames(engine, wan_request, inputs, ignore)
    vae, steps = engine.pipeline.vae, list[int]()
    assert not vae.use_tiling
    with failing(vae.decoder, 1) as failures:
        frames = generate_frames(engine, wan_request, inputs, lambda step, _total: steps.append(step))
    assert len(failures) == 1
    assert vae.use_tiling
    assert steps == [0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4]  # denoising is not repeated
    np.testing.assert_array_equal(frames, expected)

    with failing(engine.pipeline.transformer, 2) as failures:
        np.testing.assert_array_equal(generate_frames(engine, wan_request, inputs, ignore), expected)
    assert len(failures) == 2
    assert hasattr(engine.pipeline.transformer, "_hf_hook")  # offloaded

    generate_frames(engine, wan_request, inputs, ignore)
    assert not vae.use_tiling
    assert not hasattr(engine.pipeline.transformer, "_hf_hook")


def test_a_repeated_stage_starts_without_what_the_failed_one_left(
    engine: Any, wan_request: GenerationRequest, inputs: GenerationInputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    vae, use_less, left = engine.pipeline.vae, engine._memory.use_less, list[int]()

    def count_features() -> bool:
        left.append(sum(part is not None for part in vae._feat_map))
        return bool(use_less())

    def fail(*_: Any) -> None:
        hook.remove()
        assert any(part is not None for part in vae._feat_map)
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(engine._memory, "use_less", count_features)
    hook = vae.decoder.register_forward_hook(fail)
    generate_frames(engine, wan_request, inputs, ignore)
    assert left == [0]


def test_networks_are_not_moved_between_videos(
    engine: Any, wan_request: GenerationRequest, inputs: GenerationInputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate_frames(engine, wan_request, inputs, ignore)
    moves: list[Any] = []
    monkeypatch.setattr(engine.pipeline, "to", moves.append)
    generate_frames(engine, wan_request, inputs, ignore)
    assert moves == []


def test_a_video_that_fits_at_no_level_leaves_the_engine_usable(
    engine: Any, wan_request: GenerationRequest, inputs: GenerationInputs
) -> None:
    expected = generate_frames(engine, wan_request, inputs, ignore)
    with failing(engine.pipeline.text_encoder, 1000) as failures, pytest.raises(OutOfMemory, match="fewer frames"):
        generate_frames(engine, wan_request, inputs, ignore)
    assert len(failures) == 5  # as it is, with tiles, and with each way of offloading
    np.testing.assert_array_equal(generate_frames(engine, wan_request, inputs, ignore), expected)


def test_a_lost_device_is_reported(
    engine: Any, wan_request: GenerationRequest, inputs: GenerationInputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: Any, **_options: Any) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(engine.pipeline.transformer, "forward", fail)
    with pytest.raises(DeviceBroken, match="illegal memory access"):
        generate_frames(engine, wan_request, inputs, ignore)


def test_an_engine_without_checkpoint_says_so() -> None:
    from inference.engines.wan.engine import WanEngine

    with pytest.raises(ModelNotFound, match="holds the checkpoint"):
        WanEngine(None, "cpu").load()


def test_the_precision_is_that_of_the_options(load_wan: LoadWan) -> None:
    import torch

    pipeline = load_wan("ti2v", dtype="bfloat16").pipeline
    assert pipeline.transformer.dtype == torch.bfloat16
    assert pipeline.vae.dtype == torch.float32
    assert load_wan("ti2v").pipeline.transformer.dtype == torch.float32


def test_the_precision_on_a_gpu_is_bfloat16() -> None:
    import torch

    from inference.engines.wan.engine import WanEngine

    assert WanEngine(None, "cuda:0").dtypes()["default"] == torch.bfloat16
