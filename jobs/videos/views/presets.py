"""The presets on pages."""

from django.utils.translation import gettext_lazy as _

from inference.presets import PRESETS
from jobs.models import Job

PRESET_TITLES = {"fast": _("Fast"), "standard": _("Standard"), "high": _("High"), "batch": _("Batch")}


def preset_of(job: Job) -> str:
    """Return the preset of the job's request; "" if there is none, or if the job has other settings than the preset."""
    preset = PRESETS.get(job.preset)
    is_unchanged = preset is not None and preset.matches(
        resolution=job.resolution, num_frames=job.num_frames, steps=job.steps, guidance_scale=job.guidance_scale
    )
    return job.preset if is_unchanged else ""
