"""The engine of I2VGen-XL with its sampling loop."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL.Image import Image
from torch import Tensor, nn

from inference.engines.base import LatentEngine, OnPreview, OnStep, no_preview
from inference.engines.device_errors import translate_device_errors
from inference.engines.i2vgenxl.checkpoint import open_checkpoint
from inference.engines.i2vgenxl.conditioning import EncodedInputs, prepare_conditioning
from inference.engines.i2vgenxl.image_conditioning import embed_image, encode_image
from inference.engines.i2vgenxl.latent_preview import latents_to_rgb
from inference.engines.i2vgenxl.loading import Components, load_components, make_scheduler
from inference.engines.i2vgenxl.options import I2VGenXLOptions
from inference.engines.i2vgenxl.prompts import apply_guidance, encode_prompts, guidance_prompts
from inference.engines.pixels import check_finite, to_uint8
from inference.errors import OutputInvalid
from inference.frames_file import Frames
from inference.generation import GenerationInputs, GenerationRequest

LATENT_CHANNELS = 4
VAE_FACTOR = 8
MAX_PIXELS_PER_DECODE = 1024 * 1024
"""Pixels that are decoded at a time: the widest layers of the decoder need about 2 kB per pixel."""


class I2VGenXLEngine(LatentEngine):
    """I2VGen-XL, on the CPU in float32 or on CUDA in half precision."""

    def __init__(self, source: str | None, device: str, options: Mapping[str, Any] | None = None) -> None:
        """options: those of I2VGenXLOptions. Raises OptionInvalid."""
        super().__init__(source, device)
        self.options = I2VGenXLOptions.parse(options or {})
        name = self.options.dtype
        if name == "auto":
            name = "float16" if device.startswith("cuda") else "float32"
        self.dtype: torch.dtype = getattr(torch, name)
        self._components: Components | None = None

    @property
    def components(self) -> Components:
        """The loaded networks."""
        if self._components is None:
            raise RuntimeError("The engine is not loaded. Call load() before generate().")
        return self._components

    def load(self) -> None:
        self._load(self.dtype)

    def _load(self, dtype: torch.dtype) -> None:
        self._components = None  # its memory is needed
        folder = self.find_weights(self.options.weights_selection())
        checkpoint = open_checkpoint(folder, half=dtype != torch.float32)
        with translate_device_errors(self.device):
            self._components = load_components(checkpoint, self.device, dtype)

    def denoise(
        self, request: GenerationRequest, inputs: GenerationInputs, on_step: OnStep, on_preview: OnPreview = no_preview
    ) -> NDArray[np.float32]:
        """Return the final latents, see LatentEngine. An overflow of half precision is repeated in a wider one."""
        try:
            return self._denoise(request, inputs, on_step, on_preview)
        except OutputInvalid:
            if self.dtype != torch.float16:
                raise
        # As large as float16, where the CPU has no fast kernels for it.
        self._load(torch.bfloat16 if self.device.startswith("cuda") else torch.float32)
        try:
            return self._denoise(request, inputs, on_step, on_preview)
        finally:
            self._load(self.dtype)

    def _denoise(
        self, request: GenerationRequest, inputs: GenerationInputs, on_step: OnStep, on_preview: OnPreview
    ) -> NDArray[np.float32]:
        components, guided = self.components, request.guidance_scale > 1
        total = self.total_steps(request)
        with self._inference_context():
            scheduler = make_scheduler(components.scheduler_config, request.steps)
            encoded = self.encode_inputs(request, inputs.required_image)
            conditioning = prepare_conditioning(components.unet, components.denoiser, encoded, scheduler.timesteps)
            latents = initial_noise(request).to(self.device) * scheduler.init_noise_sigma
            for step, timestep in enumerate(scheduler.timesteps.tolist()):
                prediction = components.denoiser(latents, step, conditioning).float()
                prediction = apply_guidance(prediction, request.guidance_scale, guided=guided)
                latents, predicted_original = scheduler.step(prediction, timestep, latents, return_dict=False)
                self._report(on_step, step + 1, total)
                on_preview(partial(latents_to_rgb, predicted_original[len(predicted_original) // 2]))
            check_finite(latents)
            final: NDArray[np.float32] = latents.transpose(0, 1).unsqueeze(0).cpu().numpy()
        return final

    def decode(self, latents: NDArray[np.float32], request: GenerationRequest, on_step: OnStep) -> Iterator[Frames]:
        total, done = self.total_steps(request), request.steps
        scaled = torch.from_numpy(latents)[0].transpose(0, 1) / self.components.vae.config.scaling_factor
        for number, part in enumerate(torch.split(scaled, frames_per_chunk(request))):
            with self._inference_context():  # a mode of the thread, so it must not last while the caller has a chunk
                frames = self._decode_chunk(part)
                self._report(on_step, done + number + 1, total)
            yield frames

    def total_steps(self, request: GenerationRequest) -> int:
        """Return the number of steps that `on_step` counts: the denoising steps and the chunks of the decoder."""
        return request.steps + -(-request.num_frames // frames_per_chunk(request))

    def encode_inputs(self, request: GenerationRequest, image: Image) -> EncodedInputs:
        """Encode prompt and image."""
        components, guided = self.components, request.guidance_scale > 1
        prompts = guidance_prompts(request.prompt, request.negative_prompt, guided=guided)
        embedding = embed_image(components.image_encoder, components.clip_input, image, request.width)
        return EncodedInputs(
            text=encode_prompts(components.tokenizer, components.text_encoder, prompts),
            image_embedding=torch.cat([torch.zeros_like(embedding), embedding]) if guided else embedding,
            image_latent=encode_image(components.vae, image, request.width, request.height),
            fps=request.fps,
            num_frames=request.num_frames,
        )

    def _decode_chunk(self, latents: Tensor) -> Frames:
        """Decode latents (frames, 4, height/8, width/8): together on a GPU, singly on a CPU because of its cache."""
        at_once = 1 if self.device == "cpu" else len(latents)
        try:
            return self._decode_batches(latents, at_once)
        except OutputInvalid:
            if self.dtype == torch.float32:
                raise
        # Not by diffusers' `to`, which warns about modules of other models.
        vae = nn.Module.to(self.components.vae, torch.float32)
        try:
            return self._decode_batches(latents, 1)
        finally:
            nn.Module.to(vae, self.dtype)  # exactly as before, since float32 has all values of both half precisions

    def _decode_batches(self, latents: Tensor, at_once: int) -> Frames:
        vae = self.components.vae
        batches = torch.split(latents.to(self.device, vae.dtype), at_once)
        return np.concatenate([to_uint8(vae.decode(batch, return_dict=False)[0]) for batch in batches])

    @contextmanager
    def _inference_context(self) -> Iterator[None]:
        with (
            torch.inference_mode(),
            torch.backends.cudnn.flags(enabled=True, benchmark=True),
            translate_device_errors(self.device),
        ):
            yield

    def _report(self, on_step: Callable[[int, int], None], step: int, total: int) -> None:
        """Call `on_step` after CUDA has finished the step.

        CUDA runs asynchronously: without waiting, progress would be reported, and a cancellation noticed, many steps
        too late.
        """
        if self.device.startswith("cuda"):
            torch.cuda.synchronize(self.device)
        on_step(step, total)


def initial_noise(request: GenerationRequest) -> Tensor:
    """Return noise (frames, 4, height/8, width/8) float32, the same on every device.

    Drawn on the CPU as (1, 4, frames, height/8, width/8), as diffusers does.
    """
    shape = (1, LATENT_CHANNELS, request.num_frames, request.height // VAE_FACTOR, request.width // VAE_FACTOR)
    noise = torch.randn(shape, generator=torch.Generator("cpu").manual_seed(request.seed))
    return noise[0].transpose(0, 1)


def frames_per_chunk(request: GenerationRequest) -> int:
    """Return how many frames are decoded at a time."""
    return max(1, MAX_PIXELS_PER_DECODE // (request.width * request.height))
