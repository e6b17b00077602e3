"""The options of LTX-2. This imports no torch, so the site can check them too."""

from dataclasses import replace
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from inference.engines.diffusion_pipelines.options import PipelineOptions
from inference.weights.selection import WeightsSelection


class LTX2Options(PipelineOptions):
    """Options of LTX-2. The options of guidance have the names of diffusers.

    distilled: the weights, or a LoRA of every preset, are distilled: 8 steps at fixed noise levels, without guidance.
    upsampler: the name of the latent upsampler's folder in the checkpoint, or an absolute path; the video is then made
    at half its size, doubled and refined in 3 more steps, as distilled weights can. audio_guidance_scale: by default
    that of the request. stg_scale, modality_scale: above 0, and above 1, each takes one more run of the network per
    step. use_cross_timestep: as LTX-2.3 and later.
    """

    pipelines = ("LTX2Pipeline", "LTX2ImageToVideoPipeline", "LTX2ConditionPipeline")
    # They write prompts and choose lengths, which the site leaves to its users.
    unused = frozenset({"prompt_enhancer", "processor", "duration_head"})

    distilled: bool = False
    upsampler: str | None = None
    audio_guidance_scale: float | None = Field(default=None, ge=1)
    guidance_rescale: float = Field(default=0.0, ge=0, le=1)
    stg_scale: float = Field(default=0.0, ge=0)
    spatio_temporal_guidance_blocks: tuple[int, ...] = ()
    modality_scale: float = Field(default=1.0, ge=1)
    use_cross_timestep: bool = False

    def weights_selection(self) -> WeightsSelection:
        selection = super().weights_selection()
        if self.upsampler is None or Path(self.upsampler).is_absolute():
            return selection
        return replace(selection, extra=(self.upsampler,))

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.upsampler and not self.distilled:
            raise ValueError("upsampler needs distilled = true")
        if self.stg_scale and not self.spatio_temporal_guidance_blocks:
            raise ValueError("stg_scale needs spatio_temporal_guidance_blocks")
        return self
