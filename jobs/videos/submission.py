"""Build a `VideoRequest` from the validated fields of an API body or of the form.

`VideoRequestSerializer` validates the fields. `build_request` adds the defaults and returns a `VideoRequest`, which can
be priced and submitted.
"""

import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection

from accounts.models import Team
from common.concurrency import ConcurrencyLimiter
from common.errors import Detail, Overloaded, TooLarge, UnsupportedImage, invalid_field, invalid_fields
from common.messages import Message
from inference import limits
from inference.catalogue import MODELS, ModelSpec
from inference.errors import ImageError, ImageErrorCode, RequestError
from inference.image_decoding.pool import DecodedImage, DecoderPool, DecoderUnavailable
from inference.presets import PRESETS
from inference.prompt_tokens import estimate_tokens
from inference.sizes import AUTO_ASPECT_RATIO, RESOLUTIONS, frame_size, parse_size, resolution_label
from jobs.models import Priority
from jobs.videos.source_images import read_image_bytes

log = structlog.get_logger(__name__)

# Images are stored no larger than the largest frame needs, including a slow zoom.
_MAX_STORED_SIDE_PIXELS = 2048
_MAX_FRAME_PIXELS = max(RESOLUTIONS.values()) ** 2
# An image of 25 megapixels occupies up to 800 MB. Others wait: for a slot of their team, then for one of this
# process.
_DECODERS = 3
_DECODER_POOL = DecoderPool(_DECODERS, max_side=_MAX_STORED_SIDE_PIXELS)
_DECODER_LIMITER = ConcurrencyLimiter("decoders", work=Message("images being decoded"), process_limit=_DECODERS)
_DECODER_WAIT_SECONDS, _DECODER_MAX_SECONDS = 5, 30


@dataclass(frozen=True, kw_only=True)
class VideoRequest:
    """All parameters of a job. `image_png` is the normalized source image."""

    spec: ModelSpec
    image_png: bytes = field(repr=False)
    prompt: str
    negative_prompt: str
    preset: str
    resolution: str
    width: int
    height: int
    num_frames: int
    fps: int
    steps: int
    guidance_scale: float
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
            "model": self.spec.name,
            "prompt_length": len(self.prompt),
            **{name: getattr(self, name) for name in names},
        }


def default_model(team: Team) -> str:
    """Return the model for requests without one: the team's, if this site still offers it, else the site's."""
    return team.default_model if team.default_model in settings.MODELS_ENABLED else settings.DEFAULT_MODEL


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
    spec = get_enabled_model(values.get("model", default_model(team)))
    preset = PRESETS.get(values.get("preset", ""), spec.defaults)
    if image is None:
        image = read_source_image(*read_image_bytes(values, team=team), team=team)
    try:
        if "size" in values:
            width, height = _validate_size(*parse_size(values["size"]))
            resolution = resolution_label(width, height)
        else:
            resolution = values.get("resolution", preset.resolution)
            width, height = frame_size(resolution, values.get("aspect_ratio", AUTO_ASPECT_RATIO), *image.size)
    except RequestError as error:
        raise invalid_field(error.field, Message(error.template, error.params)) from error
    if resolution not in spec.resolutions:
        raise invalid_field(
            "resolution",
            "%(model)s supports only these resolutions: %(resolutions)s.",
            {"model": spec.name, "resolutions": ", ".join(spec.resolutions)},
        )
    fps = values.get("fps") or _default_fps(values, spec)
    return VideoRequest(
        spec=spec,
        image_png=image.png,
        prompt=values["prompt"],
        negative_prompt=values.get("negative_prompt", ""),
        preset=values.get("preset", ""),
        resolution=resolution,
        width=width,
        height=height,
        num_frames=_num_frames(values, fps, preset.num_frames),
        fps=fps,
        steps=values.get("steps", values.get("num_inference_steps", preset.steps)),
        guidance_scale=values.get("guidance_scale", preset.guidance_scale),
        # 53 bits, which JavaScript reads without loss: the seed that it shows reproduces the video.
        seed=values.get("seed", secrets.randbits(53)),
        output_format=values.get("output_format", "mp4"),
        priority=Priority[values.get("priority", preset.priority).upper()],
        metadata=values.get("metadata", {}),
        webhook_url=values.get("webhook_url", ""),
        webhook_format=webhook_format,
        remixed_from=remixed_from,
        deadline=None if cancel_after_seconds is None else timedelta(seconds=cancel_after_seconds),
        warnings=tuple(_warnings(spec, values["prompt"])),
    )


def enabled_models() -> list[ModelSpec]:
    """Return the models that this site offers."""
    return [MODELS[name] for name in settings.MODELS_ENABLED if name in MODELS]


def get_enabled_model(name: str) -> ModelSpec:
    """Return the enabled model of that name or alias. Raise InvalidField."""
    name = settings.MODEL_ALIASES.get(name, name)
    if name not in settings.MODELS_ENABLED or name not in MODELS:
        raise invalid_field(
            "model",
            "There is no model %(name)s here. Choose one of: %(models)s.",
            {"name": repr(name), "models": ", ".join(settings.MODELS_ENABLED)},
        )
    return MODELS[name]


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


def _validate_size(width: int, height: int) -> tuple[int, int]:
    if width not in limits.FRAME_SIDE or height not in limits.FRAME_SIDE:
        raise RequestError(
            "size",
            "Width and height must be in the range %(range)s pixels.",
            {"range": str(limits.FRAME_SIDE)},
        )
    if width * height > _MAX_FRAME_PIXELS:
        raise RequestError(
            "size",
            "A frame may have at most %(pixels)s pixels, which is the size of 1024x1024.",
            {"pixels": _MAX_FRAME_PIXELS},
        )
    return width, height


def _default_fps(values: dict[str, Any], spec: ModelSpec) -> int:
    """Return the model's frames per second, or fewer if the requested length would otherwise have too many frames."""
    seconds = float(values.get("seconds", 0))
    if seconds * spec.default_fps <= limits.NUM_FRAMES.maximum:
        return spec.default_fps
    fitting = int(limits.NUM_FRAMES.maximum / seconds)
    return fitting if fitting in limits.FPS else spec.default_fps


def _num_frames(values: dict[str, Any], fps: int, default: int) -> int:
    if "seconds" not in values:
        return int(values.get("num_frames", default))
    frames = round(float(values["seconds"]) * fps)
    if frames not in limits.NUM_FRAMES:
        raise invalid_field(
            "seconds",
            "%(seconds)s s at %(fps)s frames per second are %(frames)s frames. The range is %(range)s frames.",
            {"seconds": values["seconds"], "fps": fps, "frames": frames, "range": str(limits.NUM_FRAMES)},
        )
    return frames


def _warnings(spec: ModelSpec, prompt: str) -> list[Message]:
    if spec.max_prompt_tokens and estimate_tokens(prompt) > spec.max_prompt_tokens - 2:  # with their start and end
        return [
            Message(
                "The prompt may be longer than the %(tokens)s tokens that %(model)s reads. The rest has no effect.",
                {"tokens": spec.max_prompt_tokens, "model": spec.name},
            )
        ]
    return []
