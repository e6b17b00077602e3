"""LTX-2 as an engine: LTX2ConditionPipeline of diffusers, which makes video and sound together."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, LTX2ConditionPipeline
from diffusers.pipelines.ltx2.latent_upsampler import LTX2LatentUpsamplerModel
from diffusers.pipelines.ltx2.pipeline_ltx2_condition import LTX2VideoCondition
from diffusers.pipelines.ltx2.utils import DISTILLED_SIGMA_VALUES, STAGE_2_DISTILLED_SIGMA_VALUES
from torch import Tensor, nn

from inference.audio import Audio
from inference.engines.diffusion_pipelines.checkpoint import load_network
from inference.engines.diffusion_pipelines.engine import DiffusionPipelineEngine, Latents, RunPipeline
from inference.engines.diffusion_pipelines.shapes import check_shape
from inference.engines.ltx2.options import LTX2Options
from inference.errors import RequestError
from inference.generation import GenerationInputs, GenerationRequest
from inference.images import fit_image

_SIDE_MULTIPLE = 32
_SCALE = 2  # of the latent upsampler


class LTX2Engine(DiffusionPipelineEngine[LTX2Options]):
    """LTX-2: from text, a first and a last image, with sound.

    Distilled weights make the video in one stage or two: at half the size, then refined after a latent upsampler.
    """

    options_class = LTX2Options

    def prepare(self, pipeline: Any, folder: Path) -> Any:
        self._upsampler: Any = None
        if self.options.upsampler:
            upsampler_folder = folder / self.options.upsampler
            self._upsampler = load_network(LTX2LatentUpsamplerModel, upsampler_folder, self.dtypes()["default"])
        components = dict(pipeline.components)
        if self.options.distilled:  # its noise levels are used as they are
            components["scheduler"] = FlowMatchEulerDiscreteScheduler.from_config(
                pipeline.scheduler.config, use_dynamic_shifting=False, shift_terminal=None
            )
        prepared: Any = LTX2ConditionPipeline(**components)
        prepared.set_progress_bar_config(disable=True)
        return prepared

    def check_request(self, request: GenerationRequest, inputs: GenerationInputs) -> None:
        side = _SIDE_MULTIPLE * (_SCALE if self._upsampler else 1)
        frame_multiple = self.pipeline.vae_temporal_compression_ratio
        check_shape(request, inputs, side_multiples=(side, side), frame_multiple=frame_multiple)
        if not self.options.distilled:
            return
        if request.steps != len(DISTILLED_SIGMA_VALUES):
            raise RequestError(
                "steps", "This model makes %(count)s steps, no other number.", {"count": len(DISTILLED_SIGMA_VALUES)}
            )
        if request.guidance_scale > 1:
            raise RequestError("guidance_scale", "This model has no guidance. Set guidance_scale to 1.")

    def count_steps(self, request: GenerationRequest) -> int:
        return request.steps + (len(STAGE_2_DISTILLED_SIGMA_VALUES) if self._upsampler else 0)

    def pipeline_for(self, inputs: GenerationInputs) -> Any:
        return self.pipeline

    def blocks(self) -> list[nn.Module]:
        return list(self.pipeline.transformer.transformer_blocks)

    def arguments(self, request: GenerationRequest, inputs: GenerationInputs) -> dict[str, Any]:
        options = self.options
        arguments: dict[str, Any] = {
            "conditions": _conditions(inputs, request.width, request.height),
            "frame_rate": float(request.fps),
            "audio_guidance_scale": options.audio_guidance_scale,
            "guidance_rescale": options.guidance_rescale,
            "audio_guidance_rescale": None,
            "stg_scale": options.stg_scale,
            "audio_stg_scale": None,
            "spatio_temporal_guidance_blocks": list(options.spatio_temporal_guidance_blocks),
            "modality_scale": options.modality_scale,
            "audio_modality_scale": None,
            "use_cross_timestep": options.use_cross_timestep,
        }
        if options.distilled:
            arguments |= {"sigmas": DISTILLED_SIGMA_VALUES}
        return arguments

    def denoise(self, request: GenerationRequest, inputs: GenerationInputs, run: RunPipeline) -> Latents:
        arguments = self.arguments(request, inputs)
        if self._upsampler is None:
            video, audio = run(self.pipeline, **arguments)
        else:
            video, audio = self._denoise_in_two_stages(request, inputs, run, arguments)
        return Latents(video, audio if request.audio else None)

    def _denoise_in_two_stages(
        self, request: GenerationRequest, inputs: GenerationInputs, run: RunPipeline, arguments: dict[str, Any]
    ) -> tuple[Tensor, ...]:
        width, height = request.width // _SCALE, request.height // _SCALE
        with torch.no_grad():  # once for both stages: the text encoder is the second largest network
            embeddings, mask, _, _ = self.pipeline.encode_prompt(request.prompt, do_classifier_free_guidance=False)
        arguments |= {"prompt": None, "prompt_embeds": embeddings, "prompt_attention_mask": mask}
        small = {"width": width, "height": height, "conditions": _conditions(inputs, width, height)}
        video, audio = run(self.pipeline, **arguments | small)
        second = {
            "latents": self._upsample(video),
            "audio_latents": audio,
            "sigmas": STAGE_2_DISTILLED_SIGMA_VALUES,
            "num_inference_steps": len(STAGE_2_DISTILLED_SIGMA_VALUES),
        }
        return run(self.pipeline, **arguments | second)

    @torch.no_grad()
    def _upsample(self, latents: Tensor) -> Tensor:
        """Double the sides of the latents. The network is on the GPU for this alone."""
        try:
            self._upsampler.to(self.device)
            doubled: Tensor = self._upsampler(latents.to(self.device, self._upsampler.dtype))
            return doubled
        finally:
            self._upsampler.to("cpu")

    def preview_latents(self, pipeline: Any, latents: Tensor, arguments: Mapping[str, Any]) -> Tensor:
        height, width = (arguments[side] // pipeline.vae_spatial_compression_ratio for side in ("height", "width"))
        frames = (arguments["num_frames"] - 1) // pipeline.vae_temporal_compression_ratio + 1
        patches = (pipeline.transformer_spatial_patch_size, pipeline.transformer_temporal_patch_size)
        # The tokens of a last image follow after the video.
        of_video = latents[:, : frames * height * width]
        unpacked: Tensor = pipeline._unpack_latents(of_video, frames, height, width, *patches)
        return unpacked

    def decode_preview(self, latents: Tensor) -> Tensor:
        vae = self.pipeline.vae
        normal = (vae.latents_mean, vae.latents_std, vae.config.scaling_factor)
        return self.decode(self.pipeline._denormalize_latents(latents, *normal))

    def decode(self, latents: Tensor) -> Tensor:
        vae = self.pipeline.vae
        noise_level = torch.zeros(1, device=self.device, dtype=vae.dtype) if vae.config.timestep_conditioning else None
        pixels: Tensor = vae.decode(latents.to(self.device, vae.dtype), noise_level, return_dict=False)[0]
        return pixels

    def decode_audio(self, latents: Tensor) -> Audio:
        audio_vae, vocoder = self.pipeline.audio_vae, self.pipeline.vocoder
        spectrograms = audio_vae.decode(latents.to(self.device, audio_vae.dtype), return_dict=False)[0]
        samples = vocoder(spectrograms)[0].float().clamp(-1, 1).cpu()
        return Audio(samples.numpy(), int(vocoder.config.output_sampling_rate))


def _conditions(inputs: GenerationInputs, width: int, height: int) -> list[LTX2VideoCondition] | None:
    """Return the images as conditions of the first and the last latent frame."""
    images = {0: inputs.image, -1: inputs.last_image}
    return [
        LTX2VideoCondition(frames=fit_image(image, width, height), index=index)
        for index, image in images.items()
        if image is not None
    ] or None
