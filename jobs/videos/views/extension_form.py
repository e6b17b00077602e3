"""The form "Continue" on the page of a video."""

import uuid
from dataclasses import dataclass

from inference.models.descriptor import ModelDescriptor
from jobs.models import Job
from jobs.states import State
from jobs.videos.quote import quote
from jobs.videos.submission import offered_models


@dataclass(frozen=True, kw_only=True)
class ExtensionForm:
    """What the form shows. form_key: a double click makes one video. credits: the price with the video's settings."""

    form_key: str
    prompt: str
    join: bool
    credits: int
    error: str


def extension_form(
    source: Job, *, prompt: str | None = None, join: bool = True, form_key: str = "", error: str = ""
) -> ExtensionForm | None:
    """Return the form with what was entered; None if the video has no file, or if its model takes no image."""
    descriptor = _model_of(source)
    if source.state != State.COMPLETED or source.is_gone or descriptor is None:
        return None
    price = quote(
        descriptor=descriptor,
        width=source.width,
        height=source.height,
        num_frames=source.num_frames,
        steps=source.steps,
        guidance_scale=source.guidance_scale,
    )
    return ExtensionForm(
        form_key=form_key or uuid.uuid4().hex,
        prompt=source.prompt if prompt is None else prompt,
        join=join,
        credits=price.credits,
        error=error,
    )


def _model_of(source: Job) -> ModelDescriptor | None:
    models = (model for model in offered_models() if model.name == source.model and model.inputs.image != "none")
    return next(models, None)
