"""Compute the inputs of the denoiser that are the same for all steps, from encoded prompt and image."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from inference.engines.i2vgenxl.denoiser import Conditioning, Denoiser


@dataclass(frozen=True, slots=True)
class EncodedInputs:
    """Encoded prompt and image of a request. batch is 2 with guidance (without, then with the prompt), else 1.

    text: (batch, 77, width). image_embedding: (batch, 1, width), zero for the half without the prompt.
    image_latent: (1, 4, height/8, width/8), scaled by the autoencoder's factor.
    """

    text: Tensor
    image_embedding: Tensor
    image_latent: Tensor
    fps: int
    num_frames: int


def prepare_conditioning(unet: Any, denoiser: Denoiser, inputs: EncodedInputs, timesteps: Tensor) -> Conditioning:
    """Compute what the forward pass of diffusers recomputes at every step. timesteps: (steps,)."""
    embedding = time_embedding(unet, timesteps, inputs.fps)
    context = build_context(unet, inputs)
    units = denoiser.units
    return Conditioning(
        image_features=image_features(unet, inputs.image_latent, inputs.num_frames),
        keys_values=[
            unit.spatial_attention.cross_attention.keys_values(context) for unit in units if unit.spatial_attention
        ],
        shifts=[unit.resnet.shifts(embedding) for unit in units],
        num_frames=inputs.num_frames,
        dtype=unet.dtype,
    )


def time_embedding(unet: Any, timesteps: Tensor, fps: int) -> Tensor:
    """Return (steps, embedding): sinusoids of each timestep and of the frame rate, each through its own MLP, added."""
    device, dtype = unet.device, unet.dtype
    steps: Tensor = unet.time_embedding(unet.time_proj(timesteps.to(device)).to(dtype))
    rate: Tensor = unet.fps_embedding(unet.time_proj(torch.tensor([fps], device=device)).to(dtype))
    return steps + rate


def build_context(unet: Any, inputs: EncodedInputs) -> Tensor:
    """Return (batch, tokens, width): the tokens of the text, 64 from the image latent, 4 from the image embedding."""
    batch, _, width = inputs.text.shape
    latent_tokens = unet.image_latents_context_embedding(inputs.image_latent).flatten(2).transpose(1, 2)
    embedding_tokens = unet.context_embedding(inputs.image_embedding).view(batch, -1, width)
    return torch.cat([inputs.text, latent_tokens.expand(batch, -1, -1), embedding_tokens], dim=1)


def image_features(unet: Any, image_latent: Tensor, num_frames: int) -> Tensor:
    """Return (frames, 4, height, width): from the image latent in frame 0, and the position in 0..1 in later frames."""
    _, channels, height, width = image_latent.shape
    progress = torch.linspace(0, 1, max(num_frames, 2), device=image_latent.device, dtype=torch.float32)[:num_frames]
    frames = progress.to(image_latent.dtype).view(-1, 1, 1, 1).repeat(1, channels, height, width)
    frames[0] = image_latent[0]
    features = unet.image_latents_proj_in(frames)
    pixels = features.permute(2, 3, 0, 1).reshape(height * width, num_frames, channels)
    encoded: Tensor = unet.image_latents_temporal_encoder(pixels)
    return encoded.view(height, width, num_frames, channels).permute(2, 3, 0, 1)
