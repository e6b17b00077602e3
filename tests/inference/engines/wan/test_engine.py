"""Wan: the frames of diffusers' own pipelines, and clear errors for what these would ignore, round or refuse."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from inference.errors import OptionInvalid, RequestError
from inference.frames_file import Frames
from inference.generation import GenerationInputs, GenerationRequest
from tests.support.frames import generate_frames

Checkpoint = Callable[[str], Path]
LoadWan = Callable[..., Any]

TI2V, A14B, T2V = "ti2v", "i2v-a14b", "t2v"


def ignore(_step: int, _total: int) -> None:
    pass


@pytest.fixture(scope="module")
def engines(load_wan: LoadWan) -> dict[str, Any]:
    """Loaded once: no run leaves a state, see tests of diffusion_pipelines."""
    return {kind: load_wan(kind) for kind in (TI2V, A14B, T2V)}


def by_diffusers(
    class_name: str,
    folder: Path,
    request: GenerationRequest,
    *,
    change: Callable[[Any], None] = lambda _: None,
    **inputs: Any,
) -> Frames:
    """Return the frames of a direct call of a pipeline."""
    import diffusers
    import torch

    pipeline = getattr(diffusers, class_name).from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    change(pipeline)
    pixels: NDArray[np.float32] = pipeline(
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        width=request.width,
        height=request.height,
        num_frames=request.num_frames,
        num_inference_steps=request.steps,
        guidance_scale=request.guidance_scale,
        generator=torch.Generator("cpu").manual_seed(request.seed),
        **inputs,
    ).frames[0]
    return (pixels * 255).round().astype(np.uint8)


@pytest.mark.parametrize("kind", [TI2V, A14B])
def test_image_to_video_equals_diffusers(
    kind: str,
    engines: dict[str, Any],
    wan_checkpoint: Checkpoint,
    wan_request: GenerationRequest,
    first_image: Image.Image,
) -> None:
    request = replace(wan_request, negative_prompt="red dog", width=96)
    frames = generate_frames(engines[kind], request, GenerationInputs(first_image.resize((96, 64))), ignore)
    expected = by_diffusers(
        "WanImageToVideoPipeline", wan_checkpoint(kind), request, image=first_image.resize((96, 64))
    )
    assert frames.shape == (5, 64, 96, 3)
    assert frames.std() > 10
    np.testing.assert_array_equal(frames, expected)


@pytest.mark.parametrize("kind", [TI2V, T2V])
def test_text_to_video_equals_diffusers(
    kind: str, engines: dict[str, Any], wan_checkpoint: Checkpoint, wan_request: GenerationRequest
) -> None:
    frames = generate_frames(engines[kind], wan_request, GenerationInputs(None), ignore)
    np.testing.assert_array_equal(frames, by_diffusers("WanPipeline", wan_checkpoint(kind), wan_request))


def test_first_and_last_image_equal_diffusers(
    engines: dict[str, Any],
    wan_checkpoint: Checkpoint,
    wan_request: GenerationRequest,
    first_image: Image.Image,
    last_image: Image.Image,
) -> None:
    frames = generate_frames(engines[A14B], wan_request, GenerationInputs(first_image, last_image), ignore)
    expected = by_diffusers(
        "WanImageToVideoPipeline", wan_checkpoint(A14B), wan_request, image=first_image, last_image=last_image
    )
    np.testing.assert_array_equal(frames, expected)
    without = generate_frames(engines[A14B], wan_request, GenerationInputs(first_image), ignore)
    assert np.abs(frames[-1].astype(int) - without[-1]).max() > 0


def test_a_second_guidance_scale_and_a_boundary_act_on_the_second_expert(
    load_wan: LoadWan,
    engines: dict[str, Any],
    wan_checkpoint: Checkpoint,
    wan_request: GenerationRequest,
    first_image: Image.Image,
) -> None:
    inputs = GenerationInputs(first_image)
    request = replace(wan_request, guidance_scale_2=8.0)
    frames = generate_frames(engines[A14B], request, inputs, ignore)
    expected = by_diffusers(
        "WanImageToVideoPipeline", wan_checkpoint(A14B), request, image=first_image, guidance_scale_2=8.0
    )
    np.testing.assert_array_equal(frames, expected)
    assert (frames != generate_frames(engines[A14B], wan_request, inputs, ignore)).any()
    # The second expert makes no step.
    first_alone = load_wan(A14B, boundary_ratio=0.0)
    np.testing.assert_array_equal(
        generate_frames(first_alone, request, inputs, ignore), generate_frames(first_alone, wan_request, inputs, ignore)
    )


def test_a_boundary_needs_a_second_expert(load_wan: LoadWan) -> None:
    with pytest.raises(OptionInvalid, match="needs a model with a transformer_2"):
        load_wan(TI2V, boundary_ratio=0.5)


@pytest.mark.parametrize(
    "change", [{"num_frames": 1}, {"steps": 1}, {"width": 32, "height": 32}, {"guidance_scale": 0}]
)
def test_smallest_requests_work(
    change: dict[str, Any], engines: dict[str, Any], wan_request: GenerationRequest, first_image: Image.Image
) -> None:
    request = replace(wan_request, **change)
    for inputs in (GenerationInputs(first_image), GenerationInputs(None)):
        frames = generate_frames(engines[TI2V], request, inputs, ignore)
        assert frames.shape == (request.num_frames, request.height, request.width, 3)


def test_the_flow_shift_of_the_options_replaces_that_of_the_checkpoint(
    load_wan: LoadWan, wan_checkpoint: Checkpoint, wan_request: GenerationRequest
) -> None:
    def shift(pipeline: Any) -> None:
        scheduler = pipeline.scheduler
        pipeline.scheduler = type(scheduler).from_config(scheduler.config, flow_shift=1.0)

    frames = generate_frames(load_wan(T2V, flow_shift=1.0), wan_request, GenerationInputs(None), ignore)
    expected = by_diffusers("WanPipeline", wan_checkpoint(T2V), wan_request, change=shift)
    np.testing.assert_array_equal(frames, expected)
    assert (frames != by_diffusers("WanPipeline", wan_checkpoint(T2V), wan_request)).any()


def test_the_flow_shift_of_an_euler_scheduler(load_wan: LoadWan) -> None:
    from diffusers import FlowMatchEulerDiscreteScheduler

    from inference.engines.wan.engine import WanEngine

    pipeline = load_wan(T2V).pipeline
    pipeline.scheduler = FlowMatchEulerDiscreteScheduler()
    assert WanEngine(None, "cpu", {"flow_shift": 2.0}).prepare(pipeline, Path()).scheduler.config.shift == 2.0


def test_an_image_of_another_shape_is_cropped_and_not_stretched(
    engines: dict[str, Any], wan_request: GenerationRequest, first_image: Image.Image
) -> None:
    wide = Image.new("RGB", (128, 64))
    wide.paste(first_image, (32, 0))
    np.testing.assert_array_equal(
        generate_frames(engines[TI2V], wan_request, GenerationInputs(wide), ignore),
        generate_frames(engines[TI2V], wan_request, GenerationInputs(first_image), ignore),
    )


def test_text_and_image_use_the_same_networks(engines: dict[str, Any]) -> None:
    text = engines[TI2V].pipeline_for(GenerationInputs(None))
    image = engines[TI2V].pipeline_for(GenerationInputs(Image.new("RGB", (8, 8))))
    assert type(text) is not type(image)
    assert all(text.components[name] is image.components[name] for name in text.components)


FIRST, LAST = Image.new("RGB", (64, 64)), Image.new("RGB", (64, 64), "white")


@pytest.mark.parametrize(
    ("kind", "change", "inputs", "field", "message"),
    [
        (TI2V, {"width": 80}, GenerationInputs(FIRST), "width", "multiple of 32, not 80. The nearest are 64, 96"),
        (A14B, {"height": 8}, GenerationInputs(FIRST), "height", "multiple of 16, not 8. The nearest are 16"),
        (TI2V, {"num_frames": 8}, GenerationInputs(None), "num_frames", "multiple of 4, not 8. The nearest are 5, 9"),
        (A14B, {"num_frames": 1}, GenerationInputs(FIRST, LAST), "num_frames", "more than one frame"),
        (A14B, {}, GenerationInputs(None), "image", "needs an image"),
        (T2V, {}, GenerationInputs(FIRST), "image", "from text alone"),
        (TI2V, {}, GenerationInputs(FIRST, LAST), "last_image", "no last image"),
        (T2V, {}, GenerationInputs(None, LAST), "last_image", "no last image"),
        (A14B, {"guidance_scale": 1, "guidance_scale_2": 2}, GenerationInputs(FIRST), "guidance_scale_2", "no effect"),
        (TI2V, {"guidance_scale_2": 2.0}, GenerationInputs(FIRST), "guidance_scale_2", "no second guidance"),
    ],
)
def test_what_a_pipeline_would_ignore_or_round_is_refused(
    kind: str,
    change: dict[str, Any],
    inputs: GenerationInputs,
    field: str,
    message: str,
    engines: dict[str, Any],
    wan_request: GenerationRequest,
) -> None:
    with pytest.raises(RequestError, match=message) as caught:
        generate_frames(engines[kind], replace(wan_request, **change), inputs, ignore)
    assert caught.value.field == field
