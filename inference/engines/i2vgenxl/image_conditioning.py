"""Encode the image: a small centred square with CLIP, the whole frame with the autoencoder."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL.Image import Image, Resampling
from torch import Tensor


@dataclass(frozen=True, slots=True)
class ClipInput:
    """The input format of CLIP: sides in pixels, and per channel mean and standard deviation of its training set."""

    width: int
    height: int
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]


def embed_image(image_encoder: Any, clip_input: ClipInput, image: Image, frame_width: int) -> Tensor:
    """Return CLIP's embedding of the centred square, (1, 1, width).

    As in the published inference code, the square is first resized to the width of the frame (box filter) and then to
    CLIP's size (bilinear); other filters give another video.
    """
    square = cover(image, frame_width, frame_width)
    small = square.resize((clip_input.width, clip_input.height), Resampling.BILINEAR)
    mean, deviation = (torch.tensor(values).view(3, 1, 1) for values in (clip_input.mean, clip_input.deviation))
    pixels = (to_tensor(small) - mean) / deviation
    embeds: Tensor = image_encoder(pixels.to(image_encoder.device, image_encoder.dtype)).image_embeds
    return embeds.unsqueeze(1)


def encode_image(vae: Any, image: Image, width: int, height: int) -> Tensor:
    """Return the latent of the image, (1, 4, height/8, width/8): the mode of its distribution, scaled."""
    frame = to_tensor(cover(image, width, height)) * 2 - 1
    mode: Tensor = vae.encode(frame.to(vae.device, vae.dtype)).latent_dist.mode()
    return mode * float(vae.config.scaling_factor)


def cover(image: Image, width: int, height: int) -> Image:
    """Return the centre of the image at width x height, cropped exactly as in the published inference code.

    Its floor division can be one pixel short of the frame (427 // (427 / 192) is 191), and the crop then adds a black
    line. This affects the output: `inference.images.fit_image`, which avoids the line, gives another video.
    """
    scale = min(image.width / width, image.height / height)
    scaled = image.resize((int(image.width // scale), int(image.height // scale)), Resampling.BOX)
    left, top = (scaled.width - width) // 2, (scaled.height - height) // 2
    return scaled.crop((left, top, left + width, top + height))


def to_tensor(image: Image) -> Tensor:
    """Convert to (1, 3, height, width) float32 in 0..1."""
    return torch.from_numpy(np.asarray(image, dtype=np.float32) / 255).permute(2, 0, 1).unsqueeze(0)
