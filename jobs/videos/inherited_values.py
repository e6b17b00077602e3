"""The fields of a video that another one has if the request for it does not change them."""

from typing import Any

from django.conf import settings

from inference.models.catalogue import MODELS
from inference.models.descriptor import ModelDescriptor
from inference.models.settings import accepted_settings
from inference.models.sizes import nearest_aspect_ratio
from jobs.models import Job, Priority

# Fields of the original that are dropped if this field is changed.
_OVERRIDDEN_FIELDS = {
    "preset": ("steps", "num_frames", "fps", "guidance_scale", "loras", "size", "priority"),
    "resolution": ("size",),
    "aspect_ratio": ("size", "aspect_ratio"),
    "size": ("aspect_ratio",),
    "seconds": ("num_frames",),
    "num_inference_steps": ("steps",),
}


def target_model(original: Job, changes: dict[str, Any]) -> ModelDescriptor | None:
    """Return the model of the new video; None if this site does not have it."""
    name = changes.get("model", original.model)
    return MODELS.get(settings.MODEL_ALIASES.get(name, name))


def inherited_values(original: Job, changes: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of the original that the changes do not override, and that a changed model takes."""
    overridden = {name for change in changes for name in _OVERRIDDEN_FIELDS.get(change, ())}
    fields = {
        "prompt": original.prompt,
        "negative_prompt": original.negative_prompt,
        "model": original.model,
        "size": f"{original.width}x{original.height}",
        "num_frames": original.num_frames,
        "fps": original.fps,
        "steps": original.steps,
        "guidance_scale": original.guidance_scale,
        "loras": original.loras,
        "audio": original.audio and changes.get("output_format") != "gif",
        "output_format": original.output_format,
        "priority": Priority(original.priority).label,
    }
    if "size" in overridden and not original.has_image:
        # No image gives the shape.
        fields["aspect_ratio"] = nearest_aspect_ratio(original.width, original.height)
    inherited = {name: value for name, value in fields.items() if name not in overridden}
    target = target_model(original, changes)
    return inherited if target is None else accepted_settings(target, inherited)
