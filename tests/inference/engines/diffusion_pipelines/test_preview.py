"""The projection of latents to colors is fitted to the decoder."""

from collections.abc import Callable
from typing import Any

import numpy as np


def test_the_fit_recovers_a_linear_decoder() -> None:
    import torch

    from inference.engines.diffusion_pipelines.preview import LatentPreview, fit_rgb_factors

    weights, bias = torch.linspace(-0.2, 0.2, 24).view(8, 3), torch.tensor([0.1, 0.0, -0.1])

    def decode(latents: torch.Tensor) -> torch.Tensor:
        return torch.einsum("ncfhw,cr->nrfhw", latents, weights) + bias[:, None, None, None]

    fit = fit_rgb_factors(decode, 8)
    torch.testing.assert_close(fit, torch.cat([weights, bias[None]]))
    latents = torch.zeros(1, 8, 3, 4, 6)
    latents[:, 0, 1] = 1.0
    expected = ((bias + weights[0]) / 2 + 0.5) * 255
    preview = LatentPreview(decode).render(latents)
    assert preview.shape == (4, 6, 3)
    np.testing.assert_allclose(preview[0, 0], expected, atol=1)


def test_previews_resemble_the_frames_of_the_model(load_wan: Callable[..., Any]) -> None:
    import torch

    engine = load_wan("t2v")
    areas = torch.randn((1, 16, 1, 2, 2), generator=torch.Generator().manual_seed(3)).repeat_interleave(4, -1)
    areas = areas.repeat_interleave(4, -2)
    pixels = engine._decode_latents(areas)[0, :, 0]
    blocks = pixels.unfold(1, 8, 8).unfold(2, 8, 8).mean((-1, -2)).permute(1, 2, 0)
    preview = engine._preview.render(areas)
    correlation = np.corrcoef(preview.ravel(), blocks.numpy().ravel())[0, 1]
    assert correlation > 0.8
