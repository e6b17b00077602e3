"""A request for a video: its fields and their rules, for API bodies and the page's form alike.

`VideoRequestSerializer` checks what was sent, field by field; `resolve` fills in what was left open and gives a
`VideoRequest` that can be priced and submitted.
"""

import re
import secrets
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.conf import settings

from accounts.models import Team
from common.errors import Detail, Overloaded, TooLarge, UnsupportedImage, invalid_field, invalid_fields
from common.messages import Message
from inference import limits
from inference.catalogue import MODELS, ModelSpec
from inference.errors import ImageError, ImageErrorCode, RequestError
from inference.images import decode_image, encode_png
from inference.presets import PRESETS
from inference.sizes import AUTO_ASPECT_RATIO, RESOLUTIONS, frame_size, parse_size, resolution_label
from jobs.models import Priority
from jobs.videos.source_images import read_image_bytes

# Sources are kept no larger than the largest frame can use, a slow zoom included.
_MAX_STORED_SIDE_PIXELS = 2048
_MAX_FRAME_PIXELS = max(RESOLUTIONS.values()) ** 2
# A decoder may hold some 300 MB for a 25 megapixel picture: so many at once, the others wait, and not for long.
_DECODER_SEMAPHORE = threading.BoundedSemaphore(2)
_DECODER_TIMEOUT_SECONDS = 10


@dataclass(frozen=True)
class SourceImage:
    """A picture as the worker gets it, decoded and bounded. One may serve many requests."""

    png: bytes = field(repr=False)
    size: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class VideoRequest:
    """Everything that a job needs to know. `picture_png` is the normalised source picture."""

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
    # In whose words `webhook_url` is told, see `jobs.webhooks.payloads`.
    webhook_format: str = ""
    deadline: timedelta | None = None
    warnings: tuple[Message, ...] = ()

    def log_fields(self) -> dict[str, Any]:
        """The parameters for a log line: no picture, and of the words only how many."""
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
    """The model of a request that names none: the team's, while this site still offers it, else the site's."""
    return team.default_model if team.default_model in settings.MODELS_ENABLED else settings.DEFAULT_MODEL


def build_request(
    values: dict[str, Any],
    *,
    team: Team,
    cancel_after_seconds: int | None = None,
    image: SourceImage | None = None,
) -> VideoRequest:
    """The request behind checked fields: picture decoded, preset and model applied, seed drawn.

    picture: one that was read before; then the fields need to hold none.
    Raises InvalidField, UnsupportedPicture, TooLarge, Overloaded or TooManyAtOnce.
    """
    spec = get_enabled_model(values.get("model", default_model(team)))
    preset = PRESETS.get(values.get("preset", ""), spec.defaults)
    if image is None:
        image = read_source_image(*read_image_bytes(values, team=team))
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
            "%(model)s supports %(resolutions)s.",
            {"model": spec.name, "resolutions": ", ".join(spec.resolutions)},
        )
    fps = values.get("fps", spec.default_fps)
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
        # Of no more bits than JavaScript reads without loss: the seed that is shown there makes the same video again.
        seed=values.get("seed", secrets.randbits(53)),
        output_format=values.get("output_format", "mp4"),
        priority=Priority[values.get("priority", preset.priority).upper()],
        metadata=values.get("metadata", {}),
        webhook_url=values.get("webhook_url", ""),
        deadline=None if cancel_after_seconds is None else timedelta(seconds=cancel_after_seconds),
        warnings=tuple(_warnings(spec, values["prompt"])),
    )


def get_enabled_model(name: str) -> ModelSpec:
    """The model of that name, or that the site has that name for. Raises InvalidField."""
    name = settings.MODEL_ALIASES.get(name, name)
    if name not in settings.MODELS_ENABLED or name not in MODELS:
        raise invalid_field(
            "model",
            "There is no model %(name)s here. Choose one of: %(models)s.",
            {"name": repr(name), "models": ", ".join(settings.MODELS_ENABLED)},
        )
    return MODELS[name]


def read_source_image(image_field: str, data: bytes) -> SourceImage:
    """The picture in `data`, which came in that field. Raises what a client may be told."""
    try:
        return _decode(data)
    except ImageError as error:
        reason = Message(error.template, error.params)
        if image_field == "image_url":
            message = Message("The file at this URL cannot be used. %(reason)s", {"reason": reason})
            raise invalid_field(image_field, message, code=error.code) from error
        family = TooLarge if error.code == ImageErrorCode.TOO_LARGE else UnsupportedImage
        detail = Detail((image_field,), reason, error.code)
        raise invalid_fields(detail, family=family, code=error.code) from error


def _decode(data: bytes) -> SourceImage:
    """Raises ImageError, or Overloaded when too many come."""
    if not _DECODER_SEMAPHORE.acquire(timeout=_DECODER_TIMEOUT_SECONDS):
        raise Overloaded("Too many images are being decoded at the moment. Try again shortly.")
    try:
        image = decode_image(data)
        image.thumbnail((_MAX_STORED_SIDE_PIXELS, _MAX_STORED_SIDE_PIXELS))
        return SourceImage(encode_png(image), image.size)
    finally:
        _DECODER_SEMAPHORE.release()


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
    # The site has no tokenizer: words and signs are the least that CLIP's makes of a text.
    if spec.max_prompt_tokens and len(re.findall(r"[^\W\d_]+|\d|[^\w\s]", prompt)) > spec.max_prompt_tokens - 2:
        return [
            Message(
                "The prompt is longer than the %(tokens)s tokens that %(model)s reads. The rest has no effect.",
                {"tokens": spec.max_prompt_tokens, "model": spec.name},
            )
        ]
    return []
