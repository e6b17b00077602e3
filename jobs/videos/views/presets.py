"""The presets on pages."""

from django.utils.translation import gettext

from inference.generation import LoraWeight
from inference.models.catalogue import MODELS
from inference.models.descriptor import ModelDescriptor
from inference.models.presets import Preset
from jobs.models import Job


def preset_of(job: Job) -> str:
    """Return the preset of the job's request; "" if there is none, or if the job has other settings than the preset."""
    preset = _requested_preset(job)
    is_unchanged = preset is not None and preset.matches(
        resolution=job.resolution,
        num_frames=job.num_frames,
        fps=job.fps,
        steps=job.steps,
        guidance_scale=job.guidance_scale,
        loras=_loras_of(job),
    )
    return job.preset if is_unchanged else ""


def has_loras_of_preset(job: Job) -> bool:
    """Return whether the job has exactly the LoRAs of the preset of its request."""
    preset = _requested_preset(job)
    return preset is not None and [*preset.lora_weights] == _loras_of(job)


def _requested_preset(job: Job) -> Preset | None:
    descriptor = MODELS.get(job.model)
    return descriptor.presets.get(job.preset) if descriptor else None


def _loras_of(job: Job) -> list[LoraWeight]:
    return [LoraWeight(lora["name"], lora["scale"]) for lora in job.loras]


def preset_title(descriptor: ModelDescriptor, name: str) -> str:
    """Return the title of a preset, translated if the site knows it; its name if it has none."""
    title = descriptor.presets[name].title
    return gettext(title) if title else name


def preset_description(descriptor: ModelDescriptor, name: str) -> str:
    """Return what a preset is for, translated if the site knows the text, or ""."""
    description = descriptor.presets[name].description
    return gettext(description) if description else ""


def preset_title_of(job: Job) -> str:
    """Return the title of the job's preset, or "" if the job has other settings."""
    name = preset_of(job)
    return preset_title(MODELS[job.model], name) if name else ""
