"""Build a `VideoRequest` from the validated fields of an API body or of the form.

`VideoRequestSerializer` validates the fields. `build_request` adds the defaults and returns a `VideoRequest`, which can
be priced and submitted.
"""

import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection

from accounts.models import Team
from common.concurrency import ConcurrencyLimiter
from common.errors import Detail, MutoscopeError, Overloaded, TooLarge, UnsupportedImage, invalid_field, invalid_fields
from common.messages import Message
from inference.errors import ImageError, ImageErrorCode
from inference.generation import LoraWeight
from inference.image_decoding.pool import DecodedImage, DecoderPool, DecoderUnavailable
from inference.models.catalogue import MODELS
from inference.models.descriptor import ModelDescriptor
from inference.models.settings import InvalidSettings, VideoSettings, resolve_settings
from inference.prompt_keywords import matches_keywords
from inference.prompt_tokens import SPECIAL_TOKENS, estimate_tokens
from jobs.licenses.selectors import check_license, usable_models
from jobs.models import Priority
from jobs.videos.source_images import (
    IMAGE_FIELDS,
    LAST_IMAGE_FIELDS,
    is_video_field,
    read_image_bytes,
    read_video_frame,
)

log = structlog.get_logger(__name__)

# Images are stored no larger than the largest frame needs, including a slow zoom.
_MAX_STORED_SIDE_PIXELS = 2048
# An image of 25 megapixels occupies up to 800 MB. Others wait: for a slot of their team, then for one of this
# process.
_DECODERS = 3
_DECODER_POOL = DecoderPool(_DECODERS, max_side=_MAX_STORED_SIDE_PIXELS)
_DECODER_LIMITER = ConcurrencyLimiter("decoders", work=Message("images being decoded"), process_limit=_DECODERS)
_DECODER_WAIT_SECONDS, _DECODER_MAX_SECONDS = 5, 30


@dataclass(frozen=True)
class RequestImage:
    """An image of a request that is not read yet: the field that contains or names it, and what reads it."""

    field: str
    read: Callable[[], DecodedImage]


@dataclass(frozen=True, kw_only=True)
class VideoRequest:
    """All parameters of a job; None for those that the model does not have.

    image_png: the normalized source image, None for a video from the prompt alone. last_image_png: the image that the
    last frame is made of, if there is one.
    sent_fields: the names of the fields that the client sent.
    """

    descriptor: ModelDescriptor
    image_png: bytes | None = field(repr=False)
    last_image_png: bytes | None = field(repr=False, default=None)
    prompt: str
    negative_prompt: str
    preset: str
    resolution: str
    width: int
    height: int
    num_frames: int
    fps: int
    steps: int | None
    guidance_scale: float | None
    loras: tuple[LoraWeight, ...]
    audio: bool
    seed: int
    output_format: str
    priority: Priority
    metadata: dict[str, str]
    webhook_url: str = ""
    # The video whose image and fields this request has.
    remixed_from: UUID | None = None
    # The video that this one continues, and the number of its frames with which the file begins.
    extends: UUID | None = None
    leading_frames: int = 0
    # Payload format for `webhook_url`, see `jobs.webhooks.payloads`.
    webhook_format: str = ""
    deadline: timedelta | None = None
    warnings: tuple[Message, ...] = ()
    sent_fields: frozenset[str] = frozenset()

    def log_fields(self) -> dict[str, Any]:
        """Return the parameters for a log line, without the image and with only the length of the prompt."""
        names = (
            "resolution",
            "width",
            "height",
            "num_frames",
            "fps",
            "steps",
            "guidance_scale",
            "seed",
            "output_format",
        )
        return {
            "model": self.descriptor.name,
            "prompt_length": len(self.prompt),
            **{name: getattr(self, name) for name in names},
        }


def default_model(team: Team) -> str:
    """Return the model for requests without one: the team's, if this site still offers it, else the site's."""
    own = [model for model in enabled_models() if model.name == team.default_model]
    return team.default_model if usable_models(own) else settings.DEFAULT_MODEL


def build_request(
    values: dict[str, Any],
    *,
    team: Team,
    cancel_after_seconds: int | None = None,
    webhook_format: str = "",
    image: RequestImage | None = None,
    last_image: RequestImage | None = None,
    remixed_from: UUID | None = None,
) -> VideoRequest:
    """Build the request from validated fields: decode the images, apply preset and model, draw a seed.

    image, last_image: images that the fields do not contain themselves.
    Raise InvalidField, UnsupportedImage, TooLarge, Overloaded or ConcurrencyLimitExceeded.
    """
    descriptor = get_offered_model(values["model"] if "model" in values else default_model(team))
    image = image or _image_in(values, IMAGE_FIELDS, team)
    last_image = last_image or _image_in(values, LAST_IMAGE_FIELDS, team)
    _check_images(descriptor, image, last_image)
    # Before the images, which take time: what is allowed does not depend on their sizes.
    chosen = check_settings(descriptor, values, None)
    first = image.read() if image else None
    last = last_image.read() if last_image else None
    if first is not None:
        chosen = check_settings(descriptor, values, first.size)
    preset = descriptor.presets.get(chosen.preset, descriptor.default)
    return VideoRequest(
        descriptor=descriptor,
        image_png=first.png if first else None,
        last_image_png=last.png if last else None,
        prompt=values["prompt"],
        negative_prompt=values.get("negative_prompt", ""),
        preset=chosen.preset,
        resolution=chosen.resolution,
        width=chosen.width,
        height=chosen.height,
        num_frames=chosen.num_frames,
        fps=chosen.fps,
        steps=chosen.steps,
        guidance_scale=chosen.guidance_scale,
        loras=chosen.loras,
        audio=chosen.audio,
        # 53 bits, which JavaScript reads without loss: the seed that it shows reproduces the video.
        seed=values.get("seed", secrets.randbits(53)),
        output_format=values.get("output_format", "mp4"),
        priority=Priority[values.get("priority", preset.priority).upper()],
        metadata=values.get("metadata", {}),
        webhook_url=values.get("webhook_url", ""),
        webhook_format=webhook_format,
        remixed_from=remixed_from,
        deadline=None if cancel_after_seconds is None else timedelta(seconds=cancel_after_seconds),
        warnings=tuple(_warnings(descriptor, values["prompt"])),
        sent_fields=frozenset(values),
    )


def _image_in(values: dict[str, Any], names: Sequence[str], team: Team) -> RequestImage | None:
    """Return the image in one of these fields, or None if the request has none of them."""
    name = next((name for name in names if name in values), None)
    if name is None:
        return None
    if is_video_field(name):
        return RequestImage(name, lambda: read_video_frame(name, values[name], team=team))
    return RequestImage(
        name, lambda: read_source_image(name, read_image_bytes(name, values[name], team=team), team=team)
    )


def _check_images(descriptor: ModelDescriptor, image: RequestImage | None, last_image: RequestImage | None) -> None:
    """Raise InvalidField if the model needs an image that is missing, or takes none."""
    params = {"model": descriptor.name}
    if image is None and descriptor.inputs.image == "required":
        raise invalid_field(
            "image_base64",
            "%(model)s needs an image. Send one, for example as image_base64.",
            params,
            code="required",
        )
    if image is not None and descriptor.inputs.image == "none":
        raise _takes_no_image(descriptor, image.field)
    if last_image is None and descriptor.inputs.last_image == "required":
        raise invalid_field(
            "last_image_base64",
            "%(model)s needs a last image. Send one, for example as last_image_base64.",
            params,
            code="required",
        )
    if last_image is not None and descriptor.inputs.last_image == "none":
        raise _takes_no_last_image(descriptor, last_image.field)
    if last_image is not None and image is None:
        raise invalid_field(
            "image_base64",
            "A last image needs a first one. Send it, for example as image_base64, or remove the last image.",
            code="required",
        )


def _takes_no_image(descriptor: ModelDescriptor, name: str) -> MutoscopeError:
    models = [model.name for model in offered_models() if model.inputs.image != "none"]
    params = {"model": descriptor.name, "models": ", ".join(models)}
    if not models:
        return invalid_field(name, "%(model)s takes no image. Remove it.", params, code="not_supported")
    return invalid_field(
        name,
        "%(model)s takes no image. Remove it, or choose a model that takes one: %(models)s.",
        params,
        code="not_supported",
    )


def _takes_no_last_image(descriptor: ModelDescriptor, name: str) -> MutoscopeError:
    models = [model.name for model in offered_models() if model.inputs.last_image != "none"]
    params = {"model": descriptor.name, "models": ", ".join(models)}
    if not models:
        return invalid_field(name, "%(model)s takes no last image. Remove it.", params, code="not_supported")
    return invalid_field(
        name,
        "%(model)s takes no last image. Remove it, or choose a model that takes one: %(models)s.",
        params,
        code="not_supported",
    )


def check_settings(
    descriptor: ModelDescriptor, values: dict[str, Any], image_size: tuple[int, int] | None
) -> VideoSettings:
    """Return the settings of a request for this model. Raise InvalidField with a detail for each field to change."""
    try:
        return resolve_settings(descriptor, values, image_size, others=offered_models())
    except InvalidSettings as invalid:
        details = (
            Detail((error.field,), Message(error.template, error.params), error.kind, error.nearest)
            for error in invalid.errors
        )
        raise invalid_fields(*details) from invalid


def enabled_models() -> list[ModelDescriptor]:
    """Return the models of this site, including those whose licence has not been accepted yet."""
    return [MODELS[name] for name in settings.MODELS_ENABLED if name in MODELS]


def offered_models() -> list[ModelDescriptor]:
    """Return the models that a request can name: those of this site, except those whose licence is not accepted."""
    return usable_models(enabled_models())


def get_enabled_model(name: str) -> ModelDescriptor:
    """Return the enabled model of that name or alias. Raise InvalidField."""
    name = settings.MODEL_ALIASES.get(name, name)
    if name not in settings.MODELS_ENABLED or name not in MODELS:
        raise invalid_field(
            "model",
            "There is no model %(name)s here. Choose one of: %(models)s.",
            {"name": repr(name), "models": ", ".join(settings.MODELS_ENABLED)},
        )
    return MODELS[name]


def get_offered_model(name: str) -> ModelDescriptor:
    """Return the offered model of that name or alias. Raise InvalidField, or LicenseNotAccepted."""
    descriptor = get_enabled_model(name)
    check_license(descriptor)
    return descriptor


def read_source_image(image_field: str, data: bytes, *, team: Team) -> DecodedImage:
    """Decode the image in `data`, the content of that field, to the image that a worker receives.

    Raise InvalidField, TooLarge or UnsupportedImage, or Overloaded or ConcurrencyLimitExceeded while too many images
    are being decoded.
    """
    try:
        return _decode(data, team)
    except ImageError as error:
        reason = Message(error.template, error.params)
        if image_field.endswith("_url"):
            message = Message("The file at this URL cannot be used. %(reason)s", {"reason": reason})
            raise invalid_field(image_field, message, code=error.code) from error
        family = TooLarge if error.code == ImageErrorCode.TOO_LARGE else UnsupportedImage
        detail = Detail((image_field,), reason, error.code)
        raise invalid_fields(detail, family=family, code=error.code) from error


def _decode(data: bytes, team: Team) -> DecodedImage:
    # A pooled connection serves others meanwhile. Without a pool there is nobody to serve.
    if settings.DATABASE_POOL_SIZE and not connection.in_atomic_block:
        connection.close()
    slot = _DECODER_LIMITER.acquire(
        team_id=team.pk,
        team_limit=settings.IMAGE_DECODING_CONCURRENCY_PER_TEAM,
        expires_after_seconds=_DECODER_MAX_SECONDS,
        wait_seconds=_DECODER_WAIT_SECONDS,
    )
    try:
        with slot:
            return _DECODER_POOL.decode(data)
    except DecoderUnavailable as error:
        log.error("image_decoder_unavailable", reason=str(error))
        raise Overloaded("The image could not be decoded at the moment. Try again shortly.") from error


def _warnings(descriptor: ModelDescriptor, prompt: str) -> Iterator[Message]:
    rules = descriptor.prompt
    if (
        rules.max_tokens
        and rules.tokenizer
        and estimate_tokens(prompt, rules.tokenizer) > rules.max_tokens - SPECIAL_TOKENS[rules.tokenizer]
    ):
        yield Message(
            "The prompt may be longer than the %(tokens)s tokens that %(model)s reads. The rest has no effect.",
            {"tokens": rules.max_tokens, "model": descriptor.name},
        )
    if rules.keywords == "camera" and not matches_keywords(prompt, rules.keywords):
        yield Message(
            "The prompt names no camera movement, so one was chosen at random: %(model)s moves only the view, nothing "
            "in the image. Write for example: slowly zooms in, pans to the left, tilts up.",
            {"model": descriptor.name},
        )
