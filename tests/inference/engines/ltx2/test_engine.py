"""LTX-2: frames and sound of diffusers' own pipelines, and clear errors for what these would ignore or round."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from inference.audio import Audio
from inference.engines.base import PreviewFn
from inference.engines.diffusion_pipelines.options import Offload
from inference.errors import Canceled, ModelIncomplete, RequestError
from inference.frames_file import Frames
from inference.generation import GenerationInputs, GenerationRequest, LoraWeight
from inference.images import fit_image
from tests.support.frames import generate_frames
from tests.support.networks import failing

Load = Callable[..., Any]

TWO_STAGES = {"distilled": True, "upsampler": "latent_upsampler"}
REQUEST = GenerationRequest(
    prompt="the cat turns its head",
    negative_prompt="red dog",
    width=64,
    height=64,
    num_frames=5,
    fps=8,
    steps=2,
    guidance_scale=3.0,
    seed=7,
    audio=True,
)
DISTILLED = replace(REQUEST, steps=8, guidance_scale=1.0)
WITHOUT_EXTRAS = {
    "stg_scale": 0.0,
    "modality_scale": 1.0,
    "guidance_rescale": 0.0,
    "audio_guidance_scale": None,
    "audio_stg_scale": None,
    "audio_modality_scale": None,
    "audio_guidance_rescale": None,
    "use_cross_timestep": False,
}


def ignore(_step: int, _total: int) -> None:
    pass


@pytest.fixture(scope="module")
def engine(load_ltx2: Load) -> Any:
    """Loaded once: no run leaves a state."""
    return load_ltx2()


@pytest.fixture(scope="module")
def two_stages(load_ltx2: Load) -> Any:
    return load_ltx2(**TWO_STAGES)


@pytest.fixture
def both_images(first_image: Image.Image, last_image: Image.Image) -> GenerationInputs:
    return GenerationInputs(first_image, last_image)


def by_engine(engine: Any, request: GenerationRequest, inputs: GenerationInputs) -> tuple[Frames, Audio]:
    video = engine.generate(request, inputs, ignore)
    return np.concatenate([*video.chunks]), video.audio


def pipeline_of(folder: Path) -> Any:
    from diffusers import LTX2ConditionPipeline

    pipeline = LTX2ConditionPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def call(pipeline: Any, request: GenerationRequest, inputs: GenerationInputs, **arguments: Any) -> tuple[Any, Any]:
    """Return what a direct call of the pipeline returns."""
    import torch
    from diffusers.pipelines.ltx2.pipeline_ltx2_condition import LTX2VideoCondition

    images = {0: inputs.image, -1: inputs.last_image}
    common = {
        "conditions": [LTX2VideoCondition(image, index) for index, image in images.items() if image],
        "prompt": request.prompt,
        "negative_prompt": request.negative_prompt,
        "width": request.width,
        "height": request.height,
        "num_frames": request.num_frames,
        "frame_rate": float(request.fps),
        "num_inference_steps": request.steps,
        "guidance_scale": request.guidance_scale,
        "generator": torch.Generator("cpu").manual_seed(request.seed),
        "output_type": "np",
        "return_dict": False,
    }
    found: tuple[Any, Any] = pipeline(**WITHOUT_EXTRAS | common | arguments)
    return found


def assert_equal(found: tuple[Frames, Audio], pixels: NDArray[np.float32], samples: Any) -> None:
    frames, audio = found
    np.testing.assert_array_equal(frames, (pixels[0] * 255).round().astype(np.uint8))
    np.testing.assert_array_equal(audio.samples, samples[0].numpy())
    assert audio.sample_rate == 16000
    assert frames.std() > 10
    assert audio.samples.std() > 0.001


@pytest.mark.parametrize("images", ["none", "first", "both"])
def test_frames_and_sound_equal_those_of_diffusers(
    images: str, engine: Any, ltx2_checkpoint: Path, both_images: GenerationInputs
) -> None:
    first = None if images == "none" else both_images.image
    inputs = GenerationInputs(first, both_images.last_image if images == "both" else None)
    found = by_engine(engine, REQUEST, inputs)
    assert_equal(found, *call(pipeline_of(ltx2_checkpoint), REQUEST, inputs))


def test_a_last_image_changes_the_last_frame(engine: Any, both_images: GenerationInputs) -> None:
    with_last, _ = by_engine(engine, REQUEST, both_images)
    without, _ = by_engine(engine, REQUEST, GenerationInputs(both_images.image))
    changes = np.abs(np.subtract(with_last, without, dtype=int)).mean(axis=(1, 2, 3))
    assert changes[-1] == changes.max() > 1


def test_two_stages_equal_those_of_diffusers(
    two_stages: Any, ltx2_checkpoint: Path, both_images: GenerationInputs
) -> None:
    import torch
    from diffusers import FlowMatchEulerDiscreteScheduler, LTX2LatentUpsamplePipeline
    from diffusers.pipelines.ltx2.latent_upsampler import LTX2LatentUpsamplerModel
    from diffusers.pipelines.ltx2.utils import DISTILLED_SIGMA_VALUES, STAGE_2_DISTILLED_SIGMA_VALUES

    found = by_engine(two_stages, DISTILLED, both_images)
    pipeline = pipeline_of(ltx2_checkpoint)
    pipeline.scheduler = FlowMatchEulerDiscreteScheduler.from_config(
        pipeline.scheduler.config, use_dynamic_shifting=False, shift_terminal=None
    )
    generator = torch.Generator("cpu").manual_seed(DISTILLED.seed)
    small = GenerationInputs(
        *(fit_image(image, 32, 32) for image in (both_images.image, both_images.last_image) if image)
    )
    video, audio = call(
        pipeline,
        replace(DISTILLED, width=32, height=32),
        small,
        sigmas=DISTILLED_SIGMA_VALUES,
        generator=generator,
        output_type="latent",
    )
    upsampler = LTX2LatentUpsamplerModel.from_pretrained(ltx2_checkpoint, subfolder="latent_upsampler")
    upsample: Any = LTX2LatentUpsamplePipeline(vae=pipeline.vae, latent_upsampler=upsampler)
    (video,) = upsample(latents=video, output_type="latent", return_dict=False)
    second = {"latents": video, "audio_latents": audio, "sigmas": STAGE_2_DISTILLED_SIGMA_VALUES}
    expected = call(pipeline, replace(DISTILLED, steps=3), both_images, generator=generator, **second)
    assert_equal(found, *expected)


def test_options_of_guidance_are_those_of_diffusers(
    load_ltx2: Load, ltx2_checkpoint: Path, both_images: GenerationInputs
) -> None:
    options = {
        "audio_guidance_scale": 5.0,
        "guidance_rescale": 0.7,
        "stg_scale": 1.0,
        "spatio_temporal_guidance_blocks": [1],
        "modality_scale": 2.0,
        "use_cross_timestep": True,
    }
    found = by_engine(load_ltx2(**options), REQUEST, both_images)
    assert_equal(found, *call(pipeline_of(ltx2_checkpoint), REQUEST, both_images, **options))


def test_there_is_no_sound_unless_the_request_asks_for_it(engine: Any) -> None:
    video = engine.generate(replace(REQUEST, audio=False), GenerationInputs(None), ignore)
    assert video.audio is None


def test_steps_of_both_stages_are_reported_and_previewed(two_stages: Any, both_images: GenerationInputs) -> None:
    seen: list[tuple[int, int]] = []
    sizes: list[tuple[int, ...]] = []

    def on_preview(preview: PreviewFn) -> None:
        sizes.append(preview().shape)

    generate_frames(two_stages, DISTILLED, both_images, lambda *step: seen.append(step), on_preview)
    assert sorted(set(seen)) == [(step, 12) for step in range(13)]
    assert sizes == [(2, 2, 3)] * 8 + [(4, 4, 3)] * 3


@pytest.mark.parametrize("stop_at", [1, 9, 11])
def test_cancel_stops_within_a_step_and_the_engine_stays_usable(
    stop_at: int, two_stages: Any, both_images: GenerationInputs
) -> None:
    def cancel(step: int, _total: int) -> None:
        if step == stop_at:
            raise Canceled

    with pytest.raises(Canceled):
        generate_frames(two_stages, DISTILLED, both_images, cancel)
    assert generate_frames(two_stages, DISTILLED, GenerationInputs(None), ignore).shape == (5, 64, 64, 3)


def test_less_memory_is_used_when_a_network_does_not_fit(two_stages: Any, both_images: GenerationInputs) -> None:
    frames, sound = by_engine(two_stages, DISTILLED, both_images)
    with (
        failing(two_stages._upsampler, times=2) as upsampling,
        failing(two_stages.pipeline.vocoder, times=1) as sounding,
    ):
        again, sound_again = by_engine(two_stages, DISTILLED, both_images)
    assert (len(upsampling), len(sounding)) == (2, 1)
    assert np.abs(np.subtract(again, frames, dtype=int)).max() <= 1
    np.testing.assert_allclose(sound_again.samples, sound.samples, atol=1e-4)


@pytest.fixture(scope="module")
def with_lora(load_ltx2: Load, ltx2_lora: str) -> Any:
    """The engine with a LoRA, not offloaded."""
    return load_ltx2(loras={"style": {"transformer": ltx2_lora}})


@pytest.mark.parametrize("offload", [Offload.MODEL, Offload.GROUP, Offload.SEQUENTIAL])
def test_every_way_of_offloading_makes_the_same_video_with_and_without_a_lora(
    offload: Offload, with_lora: Any, load_ltx2: Load, ltx2_lora: str, both_images: GenerationInputs
) -> None:
    offloaded = load_ltx2(loras={"style": {"transformer": ltx2_lora}}, offload=offload)
    requests = [replace(REQUEST, loras=(LoraWeight("style"),)), REQUEST]
    expected = [generate_frames(with_lora, request, both_images, ignore) for request in requests]
    frames = [generate_frames(offloaded, request, both_images, ignore) for request in requests]
    assert np.abs(np.subtract(frames, expected, dtype=int)).max() <= 1
    assert np.abs(np.subtract(frames[0], frames[1], dtype=int)).max() > 1


def test_a_lora_for_a_second_network_is_refused(load_ltx2: Load, ltx2_lora: str) -> None:
    engine = load_ltx2(loras={"style": {"transformer_2": ltx2_lora}})
    with pytest.raises(ModelIncomplete, match="no transformer_2"):
        engine.generate(replace(REQUEST, loras=(LoraWeight("style"),)), GenerationInputs(None), ignore)


def test_networks_that_it_does_not_use_are_not_loaded(ltx2_checkpoint: Path, tmp_path: Path) -> None:
    from inference.engines.ltx2.engine import LTX2Engine

    folder = Path(shutil.copytree(ltx2_checkpoint, tmp_path / "checkpoint"))
    index = json.loads((folder / "model_index.json").read_text())
    index["prompt_enhancer"] = ["transformers", "Gemma4ForConditionalGeneration"]  # its folder is missing
    (folder / "model_index.json").write_text(json.dumps(index))
    engine = LTX2Engine(str(folder), "cpu", {})
    engine.load()
    assert engine.pipeline.prompt_enhancer is None


def test_a_checkpoint_without_upsampler_is_incomplete(load_ltx2: Load) -> None:
    with pytest.raises(ModelIncomplete, match=r"has no spatial_upscaler/config\.json"):
        load_ltx2(distilled=True, upsampler="spatial_upscaler")


@pytest.mark.parametrize(
    ("options", "request_", "field", "message"),
    [
        ({}, replace(REQUEST, width=80), "width", "multiple of 32, not 80. The nearest are 64, 96"),
        ({}, replace(REQUEST, num_frames=4), "num_frames", "multiple of 2, not 4. The nearest are 3, 5"),
        ({}, replace(REQUEST, num_frames=1), "num_frames", "more than one frame"),
        (TWO_STAGES, replace(DISTILLED, height=96), "height", "multiple of 64, not 96"),
        (TWO_STAGES, replace(DISTILLED, steps=9), "steps", "makes 8 steps"),
        (TWO_STAGES, replace(DISTILLED, guidance_scale=2.0), "guidance_scale", "no guidance"),
    ],
)
def test_what_a_pipeline_would_ignore_or_round_is_refused(
    options: dict[str, Any],
    request_: GenerationRequest,
    field: str,
    message: str,
    engine: Any,
    two_stages: Any,
    both_images: GenerationInputs,
) -> None:
    with pytest.raises(RequestError, match=message) as caught:
        (two_stages if options else engine).generate(request_, both_images, ignore)
    assert caught.value.field == field
