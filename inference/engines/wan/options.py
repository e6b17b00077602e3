"""The options of Wan. This imports no torch, so the site can check them too."""

from pydantic import Field

from inference.engines.diffusion_pipelines.options import PipelineOptions


class WanOptions(PipelineOptions):
    """Options of Wan.

    boundary_ratio: the noise level, 0..1, below which `transformer_2` takes over; by default the checkpoint's.
    flow_shift: shifts the steps towards much noise; by default the checkpoint's.
    """

    pipelines = ("WanImageToVideoPipeline", "WanPipeline")

    boundary_ratio: float | None = Field(default=None, ge=0, le=1)
    flow_shift: float | None = Field(default=None, gt=0)
