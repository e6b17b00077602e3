"""Build a `VideoRequest` from the validated fields of an API body or of the form.

`VideoRequestSerializer` validates the fields. `build_request` adds the defaults and returns a `VideoRequest`, which can
be priced and submitted.
"""

import secrets
from collections.abc import Iterator
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
from jobs.videos.source_images import IMAGE_FIELDS, read_image_bytes

log = structlog.get_logger(__name__)

# Images are stored no larger than the largest frame needs, including a slow zoom.
_MAX_STORED_SIDE_PIXELS = 2048
# An image of 25 megapixels occupies up to 800 MB. Others wait: for a slot of their team, then for one of this
# process.
_DECODERS = 3
_DECODER_POOL = DecoderPool(_DECODERS, max_side=_MAX_STORED_SIDE_PIXELS)
_DECODER_LIMITER = ConcurrencyLimiter("decoders", work=Message("images being decoded"), process_limit=_DECODERS)
_DECODER_WAIT_SECONDS, _DECODER_MAX_SECONDS = 5, 30


@dataclass(frozen=True, kw_only=True)
class VideoRequest:
    """All parameters of a job; None for those that the model does not have.

    image_png: the normalized source image, None for a video from the prompt alone.
    sent_fields: the names of the fields that the client sent.
    """

    descriptor: ModelDescriptor
    image_png: bytes | None = field(repr=False)
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
    seed: int
    output_format: str
    priority: Priority
    metadata: dict[str, str]
    webhook_url: str = ""
    # The video whose image and fields this request has.
    remixed_from: UUID | None = None
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
    image: DecodedImage | None = None,
    remixed_from: UUID | None = None,
) -> VideoRequest:
    """Build the request from validated fields: decode the image, apply preset and model, draw a seed.

    image: an image that was read before; then the fields need not contain one.
    Raise InvalidField, UnsupportedImage, TooLarge, Overloaded or ConcurrencyLimitExceeded.
    """
    descriptor = get_offered_model(values["model"] if "model" in values else default_model(team))
    if image is None:
        image = _read_image(descriptor, values, team)
    elif descriptor.inputs.image == "none":
        raise _takes_no_image(descriptor, next((name for name in values if "image" in name), "model"))
    chosen = check_settings(descriptor, values, image.size if image else None)
    preset = descriptor.presets.get(chosen.preset, descriptor.default)
    return VideoRequest(
        descriptor=descriptor,
        image_png=image.png if image else None,
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


def _read_image(descriptor: ModelDescriptor, values: dict[str, Any], team: Team) -> DecodedImage | None:
    """Return the image of a request, or None if it has none and the model needs none. Raise InvalidField."""
    if sent := next((name for name in IMAGE_FIELDS if name in values), None):
        if descriptor.inputs.image == "none":
            raise _takes_no_image(descriptor, sent)
        return read_source_image(*read_image_bytes(values, team=team), team=team)
    if descriptor.inputs.image == "required":
        raise invalid_field(
            "image_base64",
            "%(model)s needs an image. Send one, for example as image_base64.",
            {"model": descriptor.name},
            code="required",
        )
    return None


def _takes_no_image(descriptor: ModelDescriptor, field_name: str) -> MutoscopeError:
    return invalid_field(
        field_name, "%(model)s takes no image. Remove it.", {"model": descriptor.name}, code="not_supported"
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
        if image_field == "image_url":
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
