"""Compare our sampling loop with outputs of the reference pipeline, and show that the comparison can fail."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

from inference.engines.base import LatentEngine
from inference.generation import GenerationInputs, GenerationRequest

ENGINE = "inference.engines.i2vgenxl.engine"
LATENT_TOLERANCE = 1e-3
FRAME_TOLERANCE = 2
CASES = [
    "square",
    "wide",
    "tall_16_frames",
    "no_guidance",
    "negative_prompt",
    "odd_latent_size",
    "long_prompt",
]

CaseRequest = Callable[[str], GenerationRequest]
Sample = Callable[[str], Image.Image]


def ignore(_step: int, _total: int) -> None:
    pass


def test_every_case_is_compared(cases: dict[str, Any]) -> None:
    assert sorted(cases) == sorted(CASES)


@pytest.mark.parametrize("name", CASES)
def test_reproduces_the_reference(
    name: str,
    cases: dict[str, Any],
    case_request: CaseRequest,
    sample: Sample,
    tiny_engine: LatentEngine,
    reference: Path,
) -> None:
    golden, request = load_file(reference / f"{name}.safetensors"), case_request(name)
    latents = tiny_engine.denoise(request, GenerationInputs(sample(cases[name]["image"])), ignore)
    assert latents.dtype == np.float32
    assert latents.shape == golden["latents"].shape
    assert np.abs(latents - golden["latents"]).max() < LATENT_TOLERANCE
    frames = np.concatenate([*tiny_engine.decode(latents, request, ignore)])
    assert frames.shape == golden["frames"].shape
    assert np.abs(frames.astype(int) - golden["frames"]).max() <= FRAME_TOLERANCE


@pytest.mark.parametrize("name", ["square", "odd_latent_size"])
def test_the_noise_equals_that_of_the_reference(name: str, case_request: CaseRequest, reference: Path) -> None:
    from inference.engines.i2vgenxl.engine import initial_noise

    noise = initial_noise(case_request(name)).transpose(0, 1).unsqueeze(0).numpy()
    np.testing.assert_array_equal(noise, load_file(reference / f"{name}.safetensors")["noise"])


def without_text_layer_norm(monkeypatch: pytest.MonkeyPatch, engine: Any) -> None:
    monkeypatch.setattr(engine.components.text_encoder.final_layer_norm, "forward", lambda hidden: hidden)


def with_last_hidden_state(monkeypatch: pytest.MonkeyPatch, engine: Any) -> None:
    """The behaviour of `clip_skip=None` in the diffusers pipeline in its current releases."""
    encoder = engine.components.text_encoder

    class LastState:
        final_layer_norm = staticmethod(lambda hidden: hidden)
        device = encoder.device

        def __call__(self, tokens: Any, **_: Any) -> Any:
            return SimpleNamespace(hidden_states=[encoder(tokens).last_hidden_state, None])

    monkeypatch.setattr(f"{ENGINE}.encode_prompts", _encode_with(LastState()))


def _encode_with(encoder: Any) -> Any:
    from inference.engines.i2vgenxl.prompts import encode_prompts

    return lambda tokenizer, _, prompts: encode_prompts(tokenizer, encoder, prompts)


def without_fps(monkeypatch: pytest.MonkeyPatch, engine: Any) -> None:
    import torch

    original = engine.components.unet.fps_embedding.forward
    monkeypatch.setattr(engine.components.unet.fps_embedding, "forward", lambda rate: torch.zeros_like(original(rate)))


def with_wrong_fps(monkeypatch: pytest.MonkeyPatch, engine: Any) -> None:
    from inference.engines.i2vgenxl import conditioning

    original = conditioning.time_embedding
    monkeypatch.setattr(conditioning, "time_embedding", lambda unet, steps, fps: original(unet, steps, fps * 2))


def without_image_latent(monkeypatch: pytest.MonkeyPatch, engine: Any) -> None:
    from inference.engines.i2vgenxl.image_conditioning import encode_image

    monkeypatch.setattr(f"{ENGINE}.encode_image", lambda *arguments: encode_image(*arguments) * 0)


def without_image_embedding(monkeypatch: pytest.MonkeyPatch, engine: Any) -> None:
    from inference.engines.i2vgenxl.image_conditioning import embed_image

    monkeypatch.setattr(f"{ENGINE}.embed_image", lambda *arguments: embed_image(*arguments) * 0)


def with_better_crop(monkeypatch: pytest.MonkeyPatch, engine: Any) -> None:
    from inference.images import fit_image

    monkeypatch.setattr("inference.engines.i2vgenxl.image_conditioning.cover", fit_image)


def without_guidance(monkeypatch: pytest.MonkeyPatch, engine: Any) -> None:
    monkeypatch.setattr(f"{ENGINE}.apply_guidance", lambda prediction, _scale, guided: prediction.chunk(2)[1])


def with_swapped_guidance(monkeypatch: pytest.MonkeyPatch, engine: Any) -> None:
    from inference.engines.i2vgenxl.prompts import guidance_prompts

    monkeypatch.setattr(
        f"{ENGINE}.guidance_prompts",
        lambda *texts, guided: guidance_prompts(*texts, guided=guided)[::-1],
    )


def without_progress_frames(monkeypatch: pytest.MonkeyPatch, engine: Any) -> None:
    from inference.engines.i2vgenxl import conditioning

    def only_the_image(unet: Any, latent: Any, num_frames: int) -> Any:
        return original(unet, latent, 1).repeat(num_frames, 1, 1, 1)

    original = conditioning.image_features
    monkeypatch.setattr(conditioning, "image_features", only_the_image)


@pytest.mark.parametrize(
    "mutate",
    [
        without_text_layer_norm,
        with_last_hidden_state,
        without_fps,
        with_wrong_fps,
        without_image_latent,
        without_image_embedding,
        with_better_crop,
        without_guidance,
        with_swapped_guidance,
        without_progress_frames,
    ],
)
def test_the_comparison_detects_a_broken_engine(
    mutate: Callable[[pytest.MonkeyPatch, Any], None],
    monkeypatch: pytest.MonkeyPatch,
    cases: dict[str, Any],
    case_request: CaseRequest,
    sample: Sample,
    tiny_engine: LatentEngine,
    reference: Path,
) -> None:
    name = "square"
    mutate(monkeypatch, tiny_engine)
    latents = tiny_engine.denoise(case_request(name), GenerationInputs(sample(cases[name]["image"])), ignore)
    deviation = np.abs(latents - load_file(reference / f"{name}.safetensors")["latents"]).max()
    assert deviation > LATENT_TOLERANCE
