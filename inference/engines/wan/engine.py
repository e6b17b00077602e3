"""Wan as an engine: WanImageToVideoPipeline and WanPipeline of diffusers over the same networks."""

from pathlib import Path
from typing import Any

import ftfy  # noqa: F401 (the pipelines raise NameError at the first prompt without it)
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, WanImageToVideoPipeline, WanPipeline
from torch import Tensor, nn

from inference.engines.diffusion_pipelines.engine import DiffusionPipelineEngine
from inference.engines.diffusion_pipelines.shapes import check_shape
from inference.engines.wan.options import WanOptions
from inference.errors import OptionInvalid, RequestError
from inference.generation import GenerationInputs, GenerationRequest
from inference.images import fit_image


class WanEngine(DiffusionPipelineEngine[WanOptions]):
    """Wan 2.1 and 2.2: from text, an image, or a first and a last image, as far as the checkpoint can.

    A model with two experts runs `transformer` for the steps with much noise and `transformer_2` for the others.
    """

    options_class = WanOptions

    def dtypes(self) -> dict[str, torch.dtype]:
        return super().dtypes() | {"vae": torch.float32}  # as the model cards of Wan load it

    def prepare(self, pipeline: Any, folder: Path) -> Any:
        config = {name: pipeline.config[name] for name in ("boundary_ratio", "expand_timesteps")}
        if self.options.boundary_ratio is not None:
            if pipeline.components["transformer_2"] is None:
                raise OptionInvalid("boundary_ratio", "The option boundary_ratio needs a model with a transformer_2.")
            config["boundary_ratio"] = self.options.boundary_ratio
        if self.options.flow_shift is not None:
            scheduler = pipeline.scheduler
            name = "shift" if isinstance(scheduler, FlowMatchEulerDiscreteScheduler) else "flow_shift"
            pipeline.scheduler = type(scheduler).from_config(scheduler.config, **{name: self.options.flow_shift})
        common = ("tokenizer", "text_encoder", "vae", "scheduler", "transformer", "transformer_2")
        of_images = ("image_encoder", "image_processor")
        self._text_pipeline = _build(WanPipeline, pipeline, common, config)
        self._image_pipeline = _build(WanImageToVideoPipeline, pipeline, (*common, *of_images), config)
        return self._image_pipeline

    @property
    def _takes_image_and_text(self) -> bool:
        """Whether the image replaces the first latents, as in TI2V, instead of being joined to all of them."""
        return bool(self.pipeline.config.expand_timesteps)

    @property
    def _takes_image(self) -> bool:
        transformer = self.pipeline.transformer.config
        return self._takes_image_and_text or transformer.in_channels != transformer.out_channels

    def pipeline_for(self, inputs: GenerationInputs) -> Any:
        return self._text_pipeline if inputs.image is None else self._image_pipeline

    def check_request(self, request: GenerationRequest, inputs: GenerationInputs) -> None:
        self._check_images(inputs)
        pipeline = self.pipeline
        _, *patch_sides = pipeline.transformer.config.patch_size
        height, width = (pipeline.vae_scale_factor_spatial * side for side in patch_sides)
        frame_multiple = pipeline.vae_scale_factor_temporal
        check_shape(request, inputs, side_multiples=(height, width), frame_multiple=frame_multiple)
        self._check_guidance(request)

    def _check_guidance(self, request: GenerationRequest) -> None:
        if request.guidance_scale_2 is None:
            return
        if self.pipeline.config.boundary_ratio is None:
            raise RequestError("guidance_scale_2", "This model has no second guidance scale. Leave it out.")
        if request.guidance_scale <= 1 < request.guidance_scale_2:
            raise RequestError(
                "guidance_scale_2", "guidance_scale_2 has no effect unless guidance_scale is above 1. Raise both."
            )

    def _check_images(self, inputs: GenerationInputs) -> None:
        if self._takes_image and not self._takes_image_and_text:
            _ = inputs.required_image
        if inputs.image is not None and not self._takes_image:
            raise RequestError("image", "This model makes videos from text alone. Leave the image out.")
        if inputs.last_image is not None and (inputs.image is None or self._takes_image_and_text):
            raise RequestError("last_image", "This model takes no last image, or only together with a first one.")

    def blocks(self) -> list[nn.Module]:
        experts = (self.pipeline.transformer, self.pipeline.transformer_2)
        return [block for expert in experts if expert is not None for block in expert.blocks]

    def arguments(self, request: GenerationRequest, inputs: GenerationInputs) -> dict[str, Any]:
        images = {"image": inputs.image, "last_image": inputs.last_image}
        return {"guidance_scale_2": request.guidance_scale_2} | {
            name: fit_image(image, request.width, request.height) for name, image in images.items() if image is not None
        }

    def decode(self, latents: Tensor) -> Tensor:
        vae, shape = self.pipeline.vae, (1, -1, 1, 1, 1)
        mean, deviation = (
            torch.tensor(values, dtype=vae.dtype).view(shape)
            for values in (vae.config.latents_mean, vae.config.latents_std)
        )
        # In this order, the frames equal those of the pipeline.
        scaled = latents.to(vae.dtype) / (1.0 / deviation) + mean
        pixels: Tensor = vae.decode(scaled.to(self.device), return_dict=False)[0]
        return pixels

    def end_run(self) -> None:
        super().end_run()
        self.pipeline.vae.clear_cache()  # a decoder that was stopped still holds the layers of its last frame


def _build(pipeline_class: Any, loaded: Any, names: tuple[str, ...], config: dict[str, Any]) -> Any:
    """Build a pipeline over components of the loaded one; those that it lacks are optional."""
    pipeline = pipeline_class(**{name: loaded.components.get(name) for name in names}, **config)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline
