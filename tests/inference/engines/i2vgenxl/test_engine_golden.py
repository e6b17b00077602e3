"""Our sampling loop against outputs of the reference pipeline, and proof that the comparison can fail."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

from inference.engines.base import LatentEngine
from inference.generation import GenerationRequest

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
    latents = tiny_engine.denoise(request, sample(cases[name]["image"]), ignore)
    assert latents.dtype == np.float32
    assert latents.shape == golden["latents"].shape
    assert np.abs(latents - golden["latents"]).max() < LATENT_TOLERANCE
    frames = tiny_engine.decode(latents, request, ignore)
    assert frames.shape == golden["frames"].shape
    assert np.abs(frames.astype(int) - golden["frames"]).max() <= FRAME_TOLERANCE


@pytest.mark.parametrize("name", ["square", "odd_latent_size"])
def test_noise_is_the_references(name: str, case_request: CaseRequest, reference: Path) -> None:
    from inference.engines.i2vgenxl.engine import initial_noise

    noise = initial_noise(case_request(name)).transpose(0, 1).unsqueeze(0).numpy()
    np.testing.assert_array_equal(noise, load_file(reference / f"{name}.safetensors")["noise"])


def without_text_layer_norm(monkeypatch: pytest.MonkeyPatch, engine: Any) -> None:
    monkeypatch.setattr(engine.components.text_encoder.final_layer_norm, "forward", lambda hidden: hidden)


def with_last_hidden_state(monkeypatch: pytest.MonkeyPatch, engine: Any) -> None:
    """What `clip_skip=None` of the stock pipeline does on the current releases."""
    encoder = engine.components.text_encoder

    class LastState:
        final_layer_norm = staticmethod(lambda hidden: hidden)
        device = encoder.device

        def __call__(self, tokens: Any, **_: Any) -> Any:
            return SimpleNamespace(hidden_states=[encoder(tokens).last_hidden_state, None])

    monkeypatch.setattr("inference.engines.i2vgenxl.engine.encode_prompts", _encode_with(LastState()))


def _encode_with(encoder: Any) -> Any:
    from inference.engines.i2vgenxl.prompts import encode_prompts

    return lambda tokenizer, _, prompts: encode_prompts(tokenizer, encoder, prompts)


def without_fps(monkeypatch: pytest.MonkeyPatch, engine: Any) -> None:
    import torch

    stock = engine.components.unet.fps_embedding.forward
    monkeypatch.setattr(engine.components.unet.fps_embedding, "forward", lambda rate: torch.zeros_like(stock(rate)))


def with_wrong_fps(monkeypatch: pytest.MonkeyPatch, engine: Any) -> None:
    from inference.engines.i2vgenxl import conditioning

    stock = conditioning.time_embedding
    monkeypatch.setattr(conditioning, "time_embedding", lambda unet, steps, fps: stock(unet, steps, fps * 2))


def without_image_latent(monkeypatch: pytest.MonkeyPatch, engine: Any) -> None:
    from inference.engines.i2vgenxl import engine as module

    stock = module.encode_image
    monkeypatch.setattr(module, "encode_picture", lambda *arguments: stock(*arguments) * 0)


def without_image_embedding(monkeypatch: pytest.MonkeyPatch, engine: Any) -> None:
    from inference.engines.i2vgenxl import engine as module

    stock = module.embed_image
    monkeypatch.setattr(module, "embed_picture", lambda *arguments: stock(*arguments) * 0)


def with_better_crop(monkeypatch: pytest.MonkeyPatch, engine: Any) -> None:
    from inference.images import fit_image

    monkeypatch.setattr("inference.engines.i2vgenxl.image_conditioning.cover", fit_image)


def without_guidance(monkeypatch: pytest.MonkeyPatch, engine: Any) -> None:
    monkeypatch.setattr(
        "inference.engines.i2vgenxl.engine.guide_prediction", lambda prediction, _scale, guided: prediction.chunk(2)[1]
    )


def with_swapped_guidance(monkeypatch: pytest.MonkeyPatch, engine: Any) -> None:
    from inference.engines.i2vgenxl.prompts import guidance_prompts

    monkeypatch.setattr(
        "inference.engines.i2vgenxl.engine.guidance_prompts",
        lambda *texts, guided: guidance_prompts(*texts, guided=guided)[::-1],
    )


def without_progress_frames(monkeypatch: pytest.MonkeyPatch, engine: Any) -> None:
    from inference.engines.i2vgenxl import conditioning

    def only_the_picture(unet: Any, latent: Any, num_frames: int) -> Any:
        return conditioning_image_features(unet, latent, 1).repeat(num_frames, 1, 1, 1)

    conditioning_image_features = conditioning.image_features
    monkeypatch.setattr(conditioning, "image_features", only_the_picture)


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
def test_a_broken_engine_is_noticed(
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
    latents = tiny_engine.denoise(case_request(name), sample(cases[name]["image"]), ignore)
    deviation = np.abs(latents - load_file(reference / f"{name}.safetensors")["latents"]).max()
    assert deviation > LATENT_TOLERANCE
