"""The form of the Create page: what was typed, what is wrong with it, and what it would cost.

The rules are those of the API: each field is checked by `VideoRequestSerializer`'s own.
"""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.files.base import File
from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError

from accounts.auth.principals import Principal
from accounts.models import Team
from common.errors import LimitExceeded, MutoscopeError
from inference import limits
from inference.catalogue import MODELS, ModelSpec
from inference.errors import ImageErrorCode, InferenceError
from inference.presets import PRESETS
from inference.sizes import AUTO_ASPECT_RATIO, frame_size, nearest_aspect_ratio
from jobs.api.field_errors import message_of
from jobs.models import Job, Priority
from jobs.queue.eta import estimate_wait_for_new
from jobs.videos.quote import quote
from jobs.videos.serializers import VideoRequestSerializer
from jobs.videos.submission import VideoRequest, build_request, default_model

FIELDS = (
    "prompt",
    "negative_prompt",
    "model",
    "preset",
    "resolution",
    "aspect_ratio",
    "num_frames",
    "fps",
    "steps",
    "guidance_scale",
    "seed",
    "output_format",
)
_PRICE_FIELDS = tuple(name for name in FIELDS if name not in {"prompt", "negative_prompt"})
# Where a message may stand: beside a field, beside the price, or above the button.
ERROR_FIELDS = (*FIELDS, "image", "price", "form")
_IMAGE_FIELDS = ("image", "image_base64", "input_reference")
# As base64 a file of this size still fits into the body of an API call: one limit for both.
MAX_IMAGE_BYTES = 32 * 1024 * 1024
_NUMBER_RANGES: dict[str, limits.Range[int] | limits.Range[float]] = {
    "num_frames": limits.NUM_FRAMES,
    "fps": limits.FPS,
    "steps": limits.STEPS,
    "guidance_scale": limits.GUIDANCE_SCALE,
}

_NUMBER_ERROR_CODES = {"min_value", "max_value", "invalid", "wrong_type", "not_finite", "max_string_length"}

FormValues = dict[str, str]
FormErrors = dict[str, str]


def enabled_models() -> list[ModelSpec]:
    return [MODELS[name] for name in settings.MODELS_ENABLED if name in MODELS]


def initial_values(team: Team, like: Job | None) -> FormValues:
    """The defaults, or the settings of a video that another is to resemble; the seed stays open, to vary it."""
    spec = MODELS[default_model(team)]
    preset = spec.defaults
    if like is None:
        return {
            "model": spec.name,
            "preset": preset.name,
            "resolution": preset.resolution,
            "aspect_ratio": AUTO_ASPECT_RATIO,
            "num_frames": str(preset.num_frames),
            "fps": str(spec.default_fps),
            "steps": str(preset.steps),
            "guidance_scale": f"{preset.guidance_scale:g}",
            "output_format": "mp4",
        }
    return {
        "prompt": like.prompt,
        "negative_prompt": like.negative_prompt,
        "model": like.model if like.model in settings.MODELS_ENABLED else spec.name,
        "preset": like.preset or preset.name,
        "resolution": like.resolution,
        "aspect_ratio": nearest_aspect_ratio(like.width, like.height),
        "num_frames": str(like.num_frames),
        "fps": str(like.fps),
        "steps": str(like.steps),
        "guidance_scale": f"{like.guidance_scale:g}",
        "output_format": like.output_format,
    }


def form_values(query: QueryDict) -> FormValues:
    """What the form holds, as it was typed."""
    return {name: query.get(name, "") for name in FIELDS}


def build_video_request(
    values: FormValues, image: "File[bytes] | None", team: Team
) -> tuple[VideoRequest | None, FormErrors]:
    """The request that the form describes, or what is wrong, field by field."""
    data: dict[str, Any] = {name: text for name, text in values.items() if text.strip()}
    if image is not None:
        data["image"] = image
    serializer = VideoRequestSerializer(data=data)
    errors: FormErrors = {}
    if not serializer.is_valid():
        errors = {_error_field(name): _field_message(name, problems[0]) for name, problems in serializer.errors.items()}
    if image is None:
        errors["image"] = _("Choose a picture first.")
    elif (image.size or 0) > MAX_IMAGE_BYTES:
        errors["image"] = _("The file is larger than %(limit)s MB. Save a smaller copy and choose that.") % {
            "limit": MAX_IMAGE_BYTES // 1024**2
        }
    if errors:
        return None, errors
    try:
        return build_request(serializer.validated_data, team=team), {}
    except MutoscopeError as error:
        return None, errors_of(error)


def errors_of(error: MutoscopeError) -> FormErrors:
    """A refusal, at the field that it is about."""
    if isinstance(error, LimitExceeded) and error.extra.get("quota") == "credits":
        return {"price": _insufficient_credits_message(error.extra["needed"], error.extra["remaining"])}
    if error.code == "quota_exceeded":
        return {"price": error.localized()}
    if error.code in set(ImageErrorCode):
        return {"image": error.details[0].message.localized() if error.details else error.localized()}
    if error.details:
        return {_error_field(detail.loc[0]): detail.message.localized() for detail in error.details}
    return {_error_field(error.param or "form"): error.localized()}


def _error_field(name: str) -> str:
    if name in _IMAGE_FIELDS:
        return "image"
    return name if name in ERROR_FIELDS else "form"


def _field_message(name: str, problem: Any) -> str:
    code = getattr(problem, "code", "")
    if name == "prompt" and code in {"required", "blank"}:
        return _("Say in a sentence what should move.")
    if name in _NUMBER_RANGES and code in _NUMBER_ERROR_CODES:
        allowed = _NUMBER_RANGES[name]
        return _("Choose a number from %(minimum)s to %(maximum)s.") % {
            "minimum": f"{allowed.minimum:g}",
            "maximum": f"{allowed.maximum:g}",
        }
    if name == "seed" and code in _NUMBER_ERROR_CODES:
        return _("A seed is a whole number from 0 to %(maximum)s.") % {"maximum": limits.SEED.maximum}
    if name == "image" and code == "empty":
        return _("The file is empty. Choose another one.")
    return message_of(problem).localized()


def _insufficient_credits_message(needed: int, left: int) -> str:
    return _("This video needs %(needed)s credits and the team has %(left)s left. Choose a smaller preset.") % {
        "needed": needed,
        "left": left,
    }


@dataclass(frozen=True, kw_only=True)
class PriceEstimate:
    """What the present settings give and cost; `ready_seconds` is None while no worker runs."""

    credits: int
    balance: int
    width: int
    height: int
    num_frames: int
    fps: int
    eta_seconds: float | None
    presets: dict[str, int]

    @property
    def seconds(self) -> float:
        return self.num_frames / self.fps

    @property
    def left(self) -> int:
        """Credits that remain; below zero where they do not suffice."""
        return self.balance - self.credits


def estimate_price(
    principal: Principal, values: FormValues, image_size: tuple[int, int]
) -> tuple[PriceEstimate | None, FormErrors]:
    """The price of what is typed so far, or which settings keep it from being known."""
    checked, errors = _validate_settings(values)
    if errors:
        return None, errors
    spec = MODELS[checked.get("model", default_model(principal.team))]
    preset = PRESETS.get(checked.get("preset", ""), spec.defaults)
    aspect = checked.get("aspect_ratio", AUTO_ASPECT_RATIO)
    steps = checked.get("steps", preset.steps)
    frames = checked.get("num_frames", preset.num_frames)
    width, height = frame_size(checked.get("resolution", preset.resolution), aspect, *image_size)
    credits_needed = quote(spec=spec, width=width, height=height, num_frames=frames, steps=steps).credits
    priority = Priority[preset.priority.upper()]
    queue_estimate = estimate_wait_for_new(team=principal.team, spec=spec, priority=priority, credits=credits_needed)
    price = PriceEstimate(
        credits=credits_needed,
        balance=principal.team.wallet.balance,
        width=width,
        height=height,
        num_frames=frames,
        fps=checked.get("fps", spec.default_fps),
        eta_seconds=queue_estimate.eta_seconds,
        presets=_preset_prices(spec, aspect, image_size),
    )
    return price, {} if price.left >= 0 else {"price": _insufficient_credits_message(price.credits, price.balance)}


def _preset_prices(spec: ModelSpec, aspect: str, image_size: tuple[int, int]) -> dict[str, int]:
    prices = {}
    for preset in PRESETS.values():
        width, height = frame_size(preset.resolution, aspect, *image_size)
        cost = quote(spec=spec, width=width, height=height, num_frames=preset.num_frames, steps=preset.steps)
        prices[preset.name] = cost.credits
    return prices


def _validate_settings(values: FormValues) -> tuple[dict[str, Any], FormErrors]:
    fields = VideoRequestSerializer().fields
    checked: dict[str, Any] = {}
    errors: FormErrors = {}
    for name in _PRICE_FIELDS:
        text = values.get(name, "").strip()
        if not text:
            continue
        try:
            checked[name] = fields[name].run_validation(text)
        except ValidationError as error:
            problems = error.detail
            errors[name] = _field_message(name, problems[0] if isinstance(problems, list) else problems)
    if "model" in checked and checked["model"] not in settings.MODELS_ENABLED:
        errors["model"] = _("There is no such model here.")
    return checked, errors


def image_size(query: QueryDict) -> tuple[int, int]:
    """The picture's width and height as the browser tells them; a square while it has none or talks nonsense."""
    try:
        width, height = int(query.get("picture_width", "")), int(query.get("picture_height", ""))
        frame_size("512p", AUTO_ASPECT_RATIO, width, height)
    except (ValueError, ArithmeticError, InferenceError):
        return 1, 1
    return width, height


def uploaded_image(files: Any) -> UploadedFile | None:
    """The chosen file; None where the input was left empty."""
    file: UploadedFile | None = files.get("image")
    return file
