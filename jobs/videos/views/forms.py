"""The forms of the Create page. Their rules are those of the API: a serializer validates the values."""

from typing import Any

from django import forms
from django.conf import settings
from django.core.files.base import File
from django.utils.translation import gettext as _

from accounts.models import Team
from common.errors import MutoscopeError
from common.text import normalize_text
from inference import limits
from inference.catalogue import MODELS
from inference.errors import ImageErrorCode
from inference.presets import PRESETS, Preset
from inference.sizes import AUTO_ASPECT_RATIO, nearest_aspect_ratio
from jobs.api.field_errors import message_of
from jobs.models import Job
from jobs.videos.serializers import VideoRequestSerializer
from jobs.videos.submission import default_model, get_enabled_model
from jobs.videos.views.presets import preset_of

# In base64, a file of this size still fits into the body of an API request: one limit for both.
MAX_IMAGE_BYTES = 32 * 1024 * 1024
_MAX_ENTERED_LENGTH = 10 * limits.PROMPT_LENGTH.maximum
_IMAGE_FIELDS = ("image", "image_base64", "input_reference")
_NUMBER_RANGES: dict[str, limits.Range[int] | limits.Range[float]] = {
    "num_frames": limits.NUM_FRAMES,
    "fps": limits.FPS,
    "steps": limits.STEPS,
    "guidance_scale": limits.GUIDANCE_SCALE,
}
_NUMBER_ERROR_CODES = {"min_value", "max_value", "invalid", "wrong_type", "not_finite", "max_string_length"}

FormValues = dict[str, str]


class VideoSettingsSerializer(VideoRequestSerializer):
    """The settings of a video, without image and prompt."""

    image_base64 = None  # type: ignore[assignment]
    image = None  # type: ignore[assignment]
    input_reference = None  # type: ignore[assignment]
    image_url = None  # type: ignore[assignment]
    prompt = None  # type: ignore[assignment]

    requires_image = False


class VideoSettingsForm(forms.Form):
    """The settings of a video, which determine its price. Its fields only collect text; the serializer validates it.

    `settings_of` names the preset that filled the settings. Scripts update both when another preset is chosen; without
    scripts the settings are still those of the former preset, and follow the chosen one here.
    """

    model = forms.Field(required=False)
    preset = forms.Field(required=False)
    resolution = forms.Field(required=False)
    aspect_ratio = forms.Field(required=False)
    num_frames = forms.Field(required=False)
    fps = forms.Field(required=False)
    steps = forms.Field(required=False)
    guidance_scale = forms.Field(required=False)
    seed = forms.Field(required=False)
    output_format = forms.Field(required=False)

    serializer_class: type[VideoRequestSerializer] = VideoSettingsSerializer
    price_error = ""

    def clean(self) -> dict[str, Any]:
        """Return the values that the serializer has validated; blank fields have none."""
        serializer = self.serializer_class(data=self._sent_values())
        if serializer.is_valid():
            values: dict[str, Any] = serializer.validated_data
            self._check_model(values)
            return values
        for name, problems in serializer.errors.items():
            field = self._field_of(name)
            if field is None or not self.has_error(field):
                self.add_error(field, _field_message(name, problems[0], self.data.get(name, "")))
        return {}

    def add_service_error(self, error: MutoscopeError) -> None:
        """Add an error of a service at the field that it is about, or at the price."""
        if error.code == "quota_exceeded":
            self.price_error = error.localized()
        elif error.code == "idempotency_conflict":
            self.add_error(None, _("The video of this form was deleted. Submit the form again to create another one."))
        elif error.code in set(ImageErrorCode):
            self.add_error("image", error.details[0].message.localized() if error.details else error.localized())
        elif error.details:
            for detail in error.details:
                self.add_error(self._field_of(detail.loc[0]), detail.message.localized())
        else:
            self.add_error(self._field_of(error.param or ""), error.localized())

    def entered_values(self) -> FormValues:
        """Return the text of each field as it was entered, up to a length at which it is refused anyway."""
        values = {name: self.data.get(name, "")[:_MAX_ENTERED_LENGTH] for name in self.fields if name != "image"}
        former, chosen = PRESETS.get(self.data.get("settings_of", "")), PRESETS.get(values["preset"])
        if former and chosen:
            own, filled = preset_values(chosen), preset_values(former)
            values |= {name: own[name] for name in own if values[name] == filled[name]}
        return values

    def messages(self) -> dict[str, str]:
        """Return the message by field, and those for "price" and for the whole "form"; "" where there is none."""
        by_field = {name: str(self.errors[name][0]) if name in self.errors else "" for name in self.fields}
        form_errors = self.non_field_errors()
        return {**by_field, "price": self.price_error, "form": str(form_errors[0]) if form_errors else ""}

    def _sent_values(self) -> dict[str, Any]:
        return {name: text for name, text in self.entered_values().items() if text.strip()}

    def _check_model(self, values: dict[str, Any]) -> None:
        if "model" in values:
            try:
                get_enabled_model(values["model"])
            except MutoscopeError as error:
                self.add_service_error(error)

    def _field_of(self, name: str) -> str | None:
        """Return the form's field for a field of the API, or None if the form has no such field."""
        if name in _IMAGE_FIELDS:
            name = "image"
        return name if name in self.fields else None


class CreateVideoForm(VideoSettingsForm):
    """The whole form. If it is valid, its cleaned data are the fields of a request for a video."""

    image = forms.FileField(required=False, allow_empty_file=True)
    prompt = forms.Field(required=False)
    negative_prompt = forms.Field(required=False)

    serializer_class = VideoRequestSerializer

    def __init__(self, *args: Any, source_image: "File[bytes] | None" = None, **kwargs: Any) -> None:
        """source_image: the image to use if no file is uploaded."""
        super().__init__(*args, **kwargs)
        self._source_image = source_image

    def clean(self) -> dict[str, Any]:
        self._check_image()
        return super().clean()

    def _check_image(self) -> None:
        image = self._image()
        if image is None:
            self.add_error("image", _("Choose a picture first."))
        elif (image.size or 0) > MAX_IMAGE_BYTES:
            message = _("The file is larger than %(limit)s MB. Save a smaller copy and choose that.")
            self.add_error("image", message % {"limit": MAX_IMAGE_BYTES // 1024**2})

    def _image(self) -> "File[bytes] | None":
        return self.files.get("image") or self._source_image

    def _sent_values(self) -> dict[str, Any]:
        image = self._image()
        return super()._sent_values() | ({} if image is None else {"image": image})


def preset_values(preset: Preset) -> FormValues:
    """Return the settings that the preset fills in, as the form shows them."""
    return {
        "resolution": preset.resolution,
        "num_frames": str(preset.num_frames),
        "steps": str(preset.steps),
        "guidance_scale": f"{preset.guidance_scale:g}",
    }


def initial_values(team: Team, like: Job | None) -> FormValues:
    """Return the defaults, or the settings of the video `like` without its seed, so that the new video differs."""
    spec = MODELS[default_model(team)]
    preset = spec.defaults
    if like is None:
        return {
            "model": spec.name,
            "preset": preset.name,
            **preset_values(preset),
            "aspect_ratio": AUTO_ASPECT_RATIO,
            "fps": str(spec.default_fps),
            "output_format": "mp4",
        }
    return {
        "prompt": like.prompt,
        "negative_prompt": like.negative_prompt,
        "model": like.model if like.model in settings.MODELS_ENABLED else spec.name,
        "preset": preset_of(like),
        "resolution": like.resolution,
        "aspect_ratio": nearest_aspect_ratio(like.width, like.height),
        "num_frames": str(like.num_frames),
        "fps": str(like.fps),
        "steps": str(like.steps),
        "guidance_scale": f"{like.guidance_scale:g}",
        "output_format": like.output_format,
    }


def _field_message(name: str, problem: Any, entered: str) -> str:
    """Return the message for an error of the serializer. Where people need other words than programs, it has them."""
    code = getattr(problem, "code", "")
    if name == "prompt" and code in {"required", "blank"}:
        return _("Describe in a sentence what should move.")
    if name == "prompt" and code == "max_length":
        length = len(entered if len(entered) > _MAX_ENTERED_LENGTH else normalize_text(entered).strip())
        return _("The description has %(length)s characters. Shorten it by %(excess)s.") % {
            "length": length,
            "excess": length - limits.PROMPT_LENGTH.maximum,
        }
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
