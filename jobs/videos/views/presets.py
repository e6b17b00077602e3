"""The presets on pages."""

from django.utils.translation import gettext, gettext_lazy

from inference.generation import LoraWeight
from inference.models.catalogue import MODELS
from inference.models.descriptor import ModelDescriptor
from jobs.models import Job

_TITLES = {
    "fast": gettext_lazy("Fast"),
    "standard": gettext_lazy("Standard"),
    "high": gettext_lazy("High"),
    "batch": gettext_lazy("Batch"),
}

_DESCRIPTIONS = {
    "fast": gettext_lazy("A quick draft to test a prompt."),
    "standard": gettext_lazy("Two seconds, for most purposes."),
    "high": gettext_lazy("Finer and longer, for final results."),
    "batch": gettext_lazy("Like standard, at the same price. The team's other videos go first."),
}


def preset_of(job: Job) -> str:
    """Return the preset of the job's request; "" if there is none, or if the job has other settings than the preset."""
    descriptor = MODELS.get(job.model)
    preset = descriptor.presets.get(job.preset) if descriptor else None
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
    descriptor = MODELS.get(job.model)
    preset = descriptor.presets.get(job.preset) if descriptor else None
    return preset is not None and [*preset.lora_weights] == _loras_of(job)


def _loras_of(job: Job) -> list[LoraWeight]:
    return [LoraWeight(lora["name"], lora["scale"]) for lora in job.loras]


def preset_title(descriptor: ModelDescriptor, name: str) -> str:
    """Return the title of a preset: the descriptor's, translated if the site knows it, else one for its name."""
    if title := descriptor.presets[name].title:
        return gettext(title)
    return str(_TITLES.get(name, name))


def preset_description(descriptor: ModelDescriptor, name: str) -> str:
    """Return what a preset is for, or "" for one of the operator's without a description."""
    if description := descriptor.presets[name].description:
        return gettext(description)
    return str(_DESCRIPTIONS.get(name, ""))


def preset_title_of(job: Job) -> str:
    """Return the title of the job's preset, or "" if the job has other settings."""
    name = preset_of(job)
    return preset_title(MODELS[job.model], name) if name else ""
