"""The forms of the Create page. Their rules are those of the API: a serializer validates the values."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from django import forms
from django.core.files.base import File
from django.utils.translation import gettext as _

from accounts.models import Team
from common.errors import MutoscopeError
from common.text import normalize_text
from inference import limits
from inference.models.catalogue import MODELS
from inference.models.descriptor import ModelDescriptor
from inference.models.presets import Preset
from inference.models.settings import accepted_settings
from inference.models.sizes import AUTO_ASPECT_RATIO, nearest_aspect_ratio
from jobs.api.field_errors import message_of
from jobs.models import Job
from jobs.videos.serializers import VideoRequestSerializer
from jobs.videos.submission import check_settings, default_model, get_offered_model, offered_models
from jobs.videos.views.presets import has_loras_of_preset, preset_of

# In base64, a file of this size still fits into the body of an API request: one limit for both.
MAX_IMAGE_BYTES = 32 * 1024 * 1024
_MAX_ENTERED_LENGTH = 3 * limits.MAX_PROMPT_LENGTH
_IMAGES = ("image", "last_image")
_NUMBER_FIELDS = {"num_frames", "fps", "steps", "guidance_scale"}
# Fields that not every model has. The page does not show those of other models, and the form ignores them: without
# scripts they are still sent when another model is chosen.
_OPTIONAL_FIELDS = frozenset({"steps", "guidance_scale", "negative_prompt", "audio"})
_PRESET_FIELDS = ("resolution", "num_frames", "fps", "steps", "guidance_scale")
_NUMBER_ERROR_CODES = {"min_value", "max_value", "invalid", "wrong_type", "not_finite", "max_string_length"}

FormValues = dict[str, str]
# A file, or a frame of a video, as in the field `image_video` of the API.
FormImage: TypeAlias = "File[bytes] | dict[str, str]"


class VideoSettingsSerializer(VideoRequestSerializer):
    """The settings of a video, without image and prompt."""

    image_base64 = None  # type: ignore[assignment]
    image = None  # type: ignore[assignment]
    input_reference = None  # type: ignore[assignment]
    image_url = None  # type: ignore[assignment]
    image_video = None  # type: ignore[assignment]
    last_image_base64 = None  # type: ignore[assignment]
    last_image = None  # type: ignore[assignment]
    last_image_url = None  # type: ignore[assignment]
    last_image_video = None  # type: ignore[assignment]
    prompt = None  # type: ignore[assignment]


class VideoSettingsForm(forms.Form):
    """The settings of a video, which determine its price. Its fields only collect text; the serializer validates it.

    `loras_of` names the preset whose LoRAs the video has, also after its numbers were changed.
    `settings_of` names the preset that filled the settings, `settings_model` its model. Scripts update them when
    another preset or model is chosen; without scripts the settings are still those of the former one, and follow the
    chosen one here.
    """

    model = forms.Field(required=False)
    preset = forms.Field(required=False)
    resolution = forms.Field(required=False)
    aspect_ratio = forms.Field(required=False)
    num_frames = forms.Field(required=False)
    fps = forms.Field(required=False)
    steps = forms.Field(required=False)
    guidance_scale = forms.Field(required=False)
    audio = forms.Field(required=False)
    seed = forms.Field(required=False)
    output_format = forms.Field(required=False)

    serializer_class: type[VideoRequestSerializer] = VideoSettingsSerializer
    price_error = ""

    def __init__(self, *args: Any, team: Team, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.descriptor = chosen_model(team, self.data.get("model", ""))

    def clean(self) -> dict[str, Any]:
        """Return the values that the serializer has validated; blank fields have none."""
        sent = self._sent_values()
        serializer = self.serializer_class(data=sent)
        if serializer.is_valid():
            values: dict[str, Any] = serializer.validated_data
            values |= self._kept_loras(values)
            self._check_settings(values)
            return values
        for name, problems in serializer.errors.items():
            field = self._field_of(name)
            if field is None or not self.has_error(field):
                self.add_error(field, _field_message(name, problems[0], self.data.get(name, ""), self.descriptor))
        # Errors of the other fields are shown at once, too.
        others = self.serializer_class(
            data={name: value for name, value in sent.items() if name not in serializer.errors}, partial=True
        )
        if others.is_valid():
            self._check_settings(others.validated_data)
        return {}

    def add_service_error(self, error: MutoscopeError) -> None:
        """Add an error of a service at the field that it is about, or at the price."""
        if error.code == "quota_exceeded":
            self.price_error = error.localized()
        elif error.code == "idempotency_conflict":
            self.add_error(None, _("The video of this form was deleted. Submit the form again to create another one."))
        elif error.details:
            for detail in error.details:
                self.add_error(self._field_of(detail.loc[0]), detail.message.localized())
        else:
            self.add_error(self._field_of(error.param or ""), error.localized())

    def entered_values(self) -> FormValues:
        """Return the text of each field as it was entered, up to a length at which it is refused anyway."""
        values = {name: self.data.get(name, "")[:_MAX_ENTERED_LENGTH] for name in self.fields if name not in _IMAGES}
        former_model = MODELS.get(self.data.get("settings_model", ""), self.descriptor)
        former = former_model.presets.get(self.data.get("settings_of", ""))
        chosen = self.descriptor.presets.get(values["preset"])
        if chosen is None and values["preset"] in former_model.presets:
            chosen, values["preset"] = self.descriptor.default, self.descriptor.default_preset
        if former and chosen:
            filled = default_values(former_model) | preset_values(former)
            own = default_values(self.descriptor) | preset_values(chosen)
            unchanged = [name for name in _PRESET_FIELDS if values[name] == filled.get(name)]
            values |= {name: own.get(name, "") for name in unchanged}
        return values | {"loras_of": self.data.get("loras_of", "")[:_MAX_ENTERED_LENGTH]}

    def messages(self) -> dict[str, str]:
        """Return the message by field, and those for "price" and for the whole "form"; "" where there is none."""
        shown = [name for name in self.fields if name not in self._hidden_fields()]
        by_field = {name: str(self.errors[name][0]) if name in self.errors else "" for name in shown}
        form_errors = self.non_field_errors()
        return {**by_field, "price": self.price_error, "form": str(form_errors[0]) if form_errors else ""}

    def _kept_loras(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return the LoRAs of the preset that was chosen before its numbers were changed."""
        preset = self.descriptor.presets.get(self.data.get("loras_of", ""))
        if preset is None or not preset.loras or "preset" in values:
            return {}
        return {"loras": [{"name": lora.name, "scale": lora.scale} for lora in preset.loras]}

    def _sent_values(self) -> dict[str, Any]:
        hidden = {*self._hidden_fields(), "loras_of"}
        return {name: text for name, text in self.entered_values().items() if text.strip() and name not in hidden}

    def _hidden_fields(self) -> frozenset[str]:
        return _OPTIONAL_FIELDS - self.descriptor.parameters

    def _check_settings(self, values: dict[str, Any]) -> None:
        try:
            descriptor = get_offered_model(values.get("model", self.descriptor.name))
            check_settings(descriptor, values, None)
        except MutoscopeError as error:
            self.add_service_error(error)

    def _field_of(self, name: str) -> str | None:
        """Return the form's field for a field of the API, or None if the form has no such field."""
        name = name.removesuffix("_base64").removesuffix("_video")
        return name if name in self.fields else None


class CreateVideoForm(VideoSettingsForm):
    """The whole form. If it is valid, its cleaned data are the fields of a request for a video."""

    image = forms.FileField(required=False, allow_empty_file=True)
    last_image = forms.FileField(required=False, allow_empty_file=True)
    prompt = forms.Field(required=False)
    negative_prompt = forms.Field(required=False)

    serializer_class = VideoRequestSerializer

    def __init__(self, *args: Any, former_images: Mapping[str, FormImage], **kwargs: Any) -> None:
        """former_images: the images to use where no file is uploaded, by their fields."""
        super().__init__(*args, **kwargs)
        self._former_images = former_images

    def clean(self) -> dict[str, Any]:
        self._check_images()
        return super().clean()

    def _check_images(self) -> None:
        images = self._images()
        for name in _IMAGES:
            if name not in images and getattr(self.descriptor.inputs, name) == "required":
                self.add_error(name, _("Choose a picture first."))
        if "last_image" in images and "image" not in images:
            self.add_error("image", _("The last picture needs a first one. Choose it, or remove the last picture."))
        files = {name: image for name, image in images.items() if isinstance(image, File)}
        too_large = [name for name, file in files.items() if (file.size or 0) > MAX_IMAGE_BYTES]
        if too_large:
            message = _("The file is larger than %(limit)s MB. Save a smaller copy and choose that.")
            self.add_error(too_large[0], message % {"limit": MAX_IMAGE_BYTES // 1024**2})

    def _images(self) -> dict[str, FormImage]:
        """Return the images by their fields, without those that the model does not take, whose fields are hidden."""
        sent = {name: self.files.get(name) or self._former_images.get(name) for name in _IMAGES}
        return {
            name: image
            for name, image in sent.items()
            if image is not None and getattr(self.descriptor.inputs, name) != "none"
        }

    def _sent_values(self) -> dict[str, Any]:
        images = self._images().items()
        return super()._sent_values() | {
            name if isinstance(image, File) else f"{name}_video": image for name, image in images
        }


def preset_values(preset: Preset) -> FormValues:
    """Return the settings that the preset fills in, as the form shows them."""
    numbers = {
        "num_frames": preset.num_frames,
        "fps": preset.fps,
        "steps": preset.steps,
        "guidance_scale": preset.guidance_scale,
    }
    return {
        "resolution": preset.resolution,
        **{name: f"{value:g}" for name, value in numbers.items() if value is not None},
    }


def default_values(descriptor: ModelDescriptor) -> FormValues:
    """Return the settings of a form for this model that nobody has changed."""
    return {
        "model": descriptor.name,
        "preset": descriptor.default_preset,
        "aspect_ratio": AUTO_ASPECT_RATIO,
        "fps": str(descriptor.fps.default),
        "output_format": "mp4",
        "loras_of": descriptor.default_preset,
        **preset_values(descriptor.default),
    }


def adopted_values(descriptor: ModelDescriptor, entered: Mapping[str, str]) -> FormValues:
    """Return the settings of a form after another model was chosen: its preset of the same name, else its default.

    Of what was entered, the shape, the format, the sound and the seed stay.
    """
    name = entered.get("preset", "")
    values = default_values(descriptor)
    if name in descriptor.presets:
        values |= {"preset": name, "loras_of": name, **preset_values(descriptor.presets[name])}
    kept = ("aspect_ratio", "output_format", "audio", "seed")
    return values | {field: entered[field][:_MAX_ENTERED_LENGTH] for field in kept if entered.get(field)}


def chosen_model(team: Team, name: str) -> ModelDescriptor:
    """Return the model of a form, or the team's if this site does not offer it."""
    return MODELS[name if name in {model.name for model in offered_models()} else default_model(team)]


def initial_values(descriptor: ModelDescriptor, like: Job | None) -> FormValues:
    """Return the defaults of the model, or the settings of the video `like` that it has.

    Without its seed, so that the new video differs.
    """
    if like is None:
        return default_values(descriptor)
    numbers = {name: getattr(like, name) for name in ("num_frames", "fps", "steps", "guidance_scale")}
    inherited = accepted_settings(descriptor, {"negative_prompt": like.negative_prompt, "audio": like.audio, **numbers})
    audio = inherited.pop("audio", False)
    resolutions = descriptor.sizes.resolutions
    return default_values(descriptor) | {
        "prompt": like.prompt,
        "preset": preset_of(like) if like.model == descriptor.name else "",
        "loras_of": like.preset if like.model == descriptor.name and has_loras_of_preset(like) else "",
        "resolution": like.resolution if like.resolution in resolutions else descriptor.default.resolution,
        "aspect_ratio": nearest_aspect_ratio(like.width, like.height),
        "output_format": like.output_format,
        "audio": "true" if audio else "",
        **{name: f"{value:g}" if name in numbers else value for name, value in inherited.items() if value is not None},
    }


def _field_message(name: str, problem: Any, entered: str, descriptor: ModelDescriptor) -> str:
    """Return the message for an error of the serializer. Where people need other words than programs, it has them."""
    code = getattr(problem, "code", "")
    if name == "prompt" and code in {"required", "blank"}:
        return _("Describe in a sentence what should move.")
    if name == "prompt" and code == "max_length":
        length = len(entered if len(entered) > _MAX_ENTERED_LENGTH else normalize_text(entered).strip())
        return _("The description has %(length)s characters. Shorten it by %(excess)s.") % {
            "length": length,
            "excess": length - descriptor.prompt.max_length,
        }
    allowed = getattr(descriptor, name) if name in _NUMBER_FIELDS else None
    if allowed is not None and code in _NUMBER_ERROR_CODES:
        return _("Choose a number from %(minimum)s to %(maximum)s.") % {
            "minimum": f"{allowed.minimum:g}",
            "maximum": f"{allowed.maximum:g}",
        }
    if name == "seed" and code in _NUMBER_ERROR_CODES:
        return _("A seed is a whole number from 0 to %(maximum)s.") % {"maximum": limits.SEED.maximum}
    if name in _IMAGES and code == "empty":
        return _("The file is empty. Choose another one.")
    return message_of(problem).localized()
