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

from accounts.models import Team
from accounts.principals import Principal
from common.errors import LimitExceeded, MutoscopeError
from inference import limits
from inference.catalogue import MODELS, ModelSpec
from inference.errors import InferenceError, PictureFault
from inference.presets import PRESETS
from inference.sizes import AUTO_ASPECT_RATIO, frame_size, nearest_aspect_ratio
from jobs.models import Job, Priority
from jobs.pages.words import translated
from jobs.requests import VideoRequest, VideoRequestSerializer, default_model, resolve
from jobs.services.queue import describe_wait_of_new
from jobs.services.quote import quote

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
_PRICED = tuple(name for name in FIELDS if name not in {"prompt", "negative_prompt"})
# Where a message may stand: beside a field, beside the price, or above the button.
PLACES = (*FIELDS, "image", "price", "form")
_PICTURE_FIELDS = ("image", "image_base64", "input_reference")
# As base64 a file of this size still fits into the body of an API call: one limit for both.
PICTURE_BYTES = 32 * 1024 * 1024
_RANGES: dict[str, limits.Range[int] | limits.Range[float]] = {
    "num_frames": limits.NUM_FRAMES,
    "fps": limits.FPS,
    "steps": limits.STEPS,
    "guidance_scale": limits.GUIDANCE_SCALE,
}

_NO_NUMBER = {"min_value", "max_value", "invalid", "wrong_type", "not_finite", "max_string_length"}

Values = dict[str, str]
Errors = dict[str, str]


def enabled_models() -> list[ModelSpec]:
    return [MODELS[name] for name in settings.MODELS_ENABLED if name in MODELS]


def initial_values(team: Team, like: Job | None) -> Values:
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


def typed_values(query: QueryDict) -> Values:
    """What the form holds, as it was typed."""
    return {name: query.get(name, "") for name in FIELDS}


def checked_request(values: Values, picture: "File[bytes] | None", team: Team) -> tuple[VideoRequest | None, Errors]:
    """The request that the form describes, or what is wrong, field by field."""
    data: dict[str, Any] = {name: text for name, text in values.items() if text.strip()}
    if picture is not None:
        data["image"] = picture
    serializer = VideoRequestSerializer(data=data)
    errors: Errors = {}
    if not serializer.is_valid():
        errors = {_place(name): _message(name, problems[0]) for name, problems in serializer.errors.items()}
    if picture is None:
        errors["image"] = _("Choose a picture first.")
    elif (picture.size or 0) > PICTURE_BYTES:
        errors["image"] = _("The file is larger than %(limit)s MB. Save a smaller copy and choose that.") % {
            "limit": PICTURE_BYTES // 1024**2
        }
    if errors:
        return None, errors
    try:
        return resolve(serializer.validated_data, team=team), {}
    except MutoscopeError as error:
        return None, errors_of(error)


def errors_of(error: MutoscopeError) -> Errors:
    """A refusal, at the field that it is about."""
    if isinstance(error, LimitExceeded) and error.extra.get("quota") == "credits":
        return {"price": _no_credits(error.extra["needed"], error.extra["remaining"])}
    if error.code == "quota_exceeded":
        return {"price": translated(error.message)}
    if error.code in set(PictureFault):
        return {"image": _picture_message(error)}
    if error.details:
        return {_place(detail.loc[0]): translated(detail.msg, code=detail.type) for detail in error.details}
    return {_place(error.param or "form"): translated(error.message, code=error.code)}


def _place(name: str) -> str:
    if name in _PICTURE_FIELDS:
        return "image"
    return name if name in PLACES else "form"


def _message(name: str, problem: Any) -> str:
    code = getattr(problem, "code", "")
    if name == "prompt" and code in {"required", "blank"}:
        return _("Say in a sentence what should move.")
    if name in _RANGES and code in _NO_NUMBER:
        allowed = _RANGES[name]
        return _("Choose a number from %(minimum)s to %(maximum)s.") % {
            "minimum": f"{allowed.minimum:g}",
            "maximum": f"{allowed.maximum:g}",
        }
    if name == "seed" and code in _NO_NUMBER:
        return _("A seed is a whole number from 0 to %(maximum)s.") % {"maximum": limits.SEED.maximum}
    if name == "image" and code == "empty":
        return _("The file is empty. Choose another one.")
    return translated(str(problem), code=code)


def _no_credits(needed: int, left: int) -> str:
    return _("This video needs %(needed)s credits and the team has %(left)s left. Choose a smaller preset.") % {
        "needed": needed,
        "left": left,
    }


def _picture_message(error: MutoscopeError) -> str:
    said = error.details[0].msg if error.details else ""
    if said.startswith("The picture is too narrow"):  # it shares its code with what is no picture
        return translated(said)
    known = {
        PictureFault.UNSUPPORTED: _("This is not a PNG, JPEG or WebP picture, whatever its name says."),
        PictureFault.ANIMATED: _("The picture is animated. Choose a still one."),
        PictureFault.TRUNCATED: _("The picture is cut off before its end. Choose the whole file."),
        PictureFault.UNREADABLE: _("The picture is damaged and cannot be read. Save it again and choose that."),
        PictureFault.TOO_LARGE: _(
            "The picture is too large: at most %(megapixels)s megapixels and %(side)s pixels a side."
        )
        % {"megapixels": limits.PICTURE_PIXELS // 10**6, "side": limits.PICTURE_SIDE},
    }
    return known[PictureFault(error.code)]


@dataclass(frozen=True, kw_only=True)
class Price:
    """What the present settings give and cost; `ready_seconds` is None while no worker runs."""

    credits: int
    balance: int
    width: int
    height: int
    num_frames: int
    fps: int
    ready_seconds: float | None
    presets: dict[str, int]

    @property
    def seconds(self) -> float:
        return self.num_frames / self.fps

    @property
    def left(self) -> int:
        """Credits that remain; below zero where they do not suffice."""
        return self.balance - self.credits


def price_of(principal: Principal, values: Values, picture_size: tuple[int, int]) -> tuple[Price | None, Errors]:
    """The price of what is typed so far, or which settings keep it from being known."""
    checked, errors = _checked_settings(values)
    if errors:
        return None, errors
    spec = MODELS[checked.get("model", default_model(principal.team))]
    preset = PRESETS.get(checked.get("preset", ""), spec.defaults)
    aspect = checked.get("aspect_ratio", AUTO_ASPECT_RATIO)
    steps = checked.get("steps", preset.steps)
    frames = checked.get("num_frames", preset.num_frames)
    width, height = frame_size(checked.get("resolution", preset.resolution), aspect, *picture_size)
    credits_needed = quote(spec=spec, width=width, height=height, num_frames=frames, steps=steps).credits
    priority = Priority[preset.priority.upper()]
    wait = describe_wait_of_new(team=principal.team, spec=spec, priority=priority, credits=credits_needed)
    price = Price(
        credits=credits_needed,
        balance=principal.team.wallet.balance,
        width=width,
        height=height,
        num_frames=frames,
        fps=checked.get("fps", spec.default_fps),
        ready_seconds=wait.eta_seconds,
        presets=_preset_prices(spec, aspect, picture_size),
    )
    return price, {} if price.left >= 0 else {"price": _no_credits(price.credits, price.balance)}


def _preset_prices(spec: ModelSpec, aspect: str, picture_size: tuple[int, int]) -> dict[str, int]:
    prices = {}
    for preset in PRESETS.values():
        width, height = frame_size(preset.resolution, aspect, *picture_size)
        cost = quote(spec=spec, width=width, height=height, num_frames=preset.num_frames, steps=preset.steps)
        prices[preset.name] = cost.credits
    return prices


def _checked_settings(values: Values) -> tuple[dict[str, Any], Errors]:
    fields = VideoRequestSerializer().fields
    checked: dict[str, Any] = {}
    errors: Errors = {}
    for name in _PRICED:
        text = values.get(name, "").strip()
        if not text:
            continue
        try:
            checked[name] = fields[name].run_validation(text)
        except ValidationError as error:
            problems = error.detail
            errors[name] = _message(name, problems[0] if isinstance(problems, list) else problems)
    if "model" in checked and checked["model"] not in settings.MODELS_ENABLED:
        errors["model"] = _("There is no such model here.")
    return checked, errors


def picture_size(query: QueryDict) -> tuple[int, int]:
    """The picture's width and height as the browser tells them; a square while it has none or talks nonsense."""
    try:
        width, height = int(query.get("picture_width", "")), int(query.get("picture_height", ""))
        frame_size("512p", AUTO_ASPECT_RATIO, width, height)
    except (ValueError, ArithmeticError, InferenceError):
        return 1, 1
    return width, height


def uploaded(files: Any) -> UploadedFile | None:
    """The chosen file; None where the input was left empty."""
    file: UploadedFile | None = files.get("image")
    return file
