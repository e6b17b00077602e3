"""The fields of a request for a video, and their rules."""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from inference import limits
from inference.models.sizes import ASPECT_RATIOS, AUTO_ASPECT_RATIO
from jobs.api.field_errors import error_detail, field_error
from jobs.api.fields import (
    Base64Field,
    ChoiceField,
    FormBooleanField,
    FramePositionField,
    HttpUrlField,
    IdField,
    ImageFileField,
    InputReferenceField,
    MetadataField,
    NullableSerializer,
    SecondsField,
    ShortListField,
    StrictFloatField,
    StrictIntegerField,
    TextField,
    nest_form_fields,
)
from jobs.models import Priority
from jobs.videos.source_images import IMAGE_FIELDS, LAST_IMAGE_FIELDS

# In a form, each of their parts is a field.
_NESTED_IN_FORMS = {"metadata", "input_reference", "image_video", "last_image_video"}


@extend_schema_serializer(component_name="Lora")
class LoraSerializer(NullableSerializer):
    """A LoRA, and how strongly it acts."""

    name = TextField(max_length=100)
    scale = StrictFloatField(min_value=-limits.MAX_LORA_SCALE, max_value=limits.MAX_LORA_SCALE, default=1.0)


@extend_schema_serializer(component_name="VideoFrame")
class VideoFrameSerializer(NullableSerializer):
    """A frame of a completed video of the team."""

    id = IdField("vid")
    at = FramePositionField(default="last", help_text="`first`, `last` or a time in seconds")


@extend_schema_serializer(component_name="Video")
class VideoRequestSerializer(NullableSerializer):
    """The body of a request for a video. A model has ranges for the numbers, which are in its `input_schema`, and some
    fields not at all.
    """

    image_base64 = Base64Field(required=False, help_text="PNG, JPEG, WebP, HEIC or AVIF, plain base64 or a data URI")
    image = ImageFileField(required=False, help_text="the image as a file, in multipart bodies")
    input_reference = InputReferenceField(
        required=False,
        help_text="the name in OpenAI's SDK: a file, or an object whose image_url is a data URI",
    )
    image_url = HttpUrlField(
        required=False, help_text="the https URL of the image, fetched at once, if the operator allows it"
    )
    last_image_base64 = Base64Field(required=False, help_text="the last frame, for models that take one")
    last_image = ImageFileField(required=False, help_text="the same as a file, in multipart bodies")
    image_video = VideoFrameSerializer(
        required=False, help_text="a frame of a video, which is copied; in a form, image_video[id] and image_video[at]"
    )
    last_image_url = HttpUrlField(required=False, help_text="the https URL of the same, if the operator allows it")
    last_image_video = VideoFrameSerializer(required=False, help_text="the same from a video, as in image_video")
    prompt = TextField(max_length=limits.MAX_PROMPT_LENGTH, help_text="what should move, and how")
    negative_prompt = TextField(max_length=limits.MAX_PROMPT_LENGTH, required=False, allow_blank=True)
    model = TextField(max_length=60, required=False, help_text="a name from /v1/models")
    preset = TextField(max_length=40, required=False, help_text="a preset of the model: defaults of the other fields")
    resolution = TextField(max_length=12, required=False, help_text="a resolution of the model: the number of pixels")
    aspect_ratio = ChoiceField(choices=[AUTO_ASPECT_RATIO, *ASPECT_RATIOS], required=False)
    size = TextField(max_length=40, required=False, help_text="WIDTHxHEIGHT instead of resolution and aspect_ratio")
    # Without bounds, since the error of a model names the nearest values that it takes.
    num_frames = StrictIntegerField(required=False, help_text="frames of the video")
    fps = StrictIntegerField(required=False, help_text="frames per second")
    seconds = SecondsField(required=False, help_text="length of the video, instead of num_frames")
    steps = StrictIntegerField(required=False, help_text="denoising steps")
    num_inference_steps = StrictIntegerField(required=False, help_text="an alias of steps")
    guidance_scale = StrictFloatField(required=False, help_text="how closely the video follows the prompt")
    loras = ShortListField(
        child=LoraSerializer(),
        max_length=limits.MAX_LORAS,
        required=False,
        help_text="LoRAs of the model, which /v1/models lists; in JSON bodies only",
    )
    audio = FormBooleanField(required=False, help_text="whether the video gets sound; by default it gets none")
    seed = StrictIntegerField(
        min_value=limits.SEED.minimum,
        max_value=limits.SEED.maximum,
        required=False,
        help_text="random if absent; the response contains it",
    )
    output_format = ChoiceField(choices=["mp4", "gif"], required=False)
    priority = ChoiceField(choices=[name.label for name in Priority], required=False)
    metadata = MetadataField(
        required=False, help_text="short strings by name; in a form, a field metadata[name] for each"
    )
    webhook_url = HttpUrlField(required=False, help_text="receives the video once it has finished")
    user = TextField(max_length=500, required=False, allow_blank=True, help_text="ignored; OpenAI's SDK has it")

    MUTUALLY_EXCLUSIVE_FIELDS = (
        IMAGE_FIELDS,
        LAST_IMAGE_FIELDS,
        ("size", "resolution"),
        ("size", "aspect_ratio"),
        ("seconds", "num_frames"),
        ("steps", "num_inference_steps"),
    )

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        for name in _NESTED_IN_FORMS & self.fields.keys():
            data = nest_form_fields(name, data)
        return super().to_internal_value(data)

    def validate_input_reference(self, reference: Any) -> Any:
        if isinstance(reference, dict) and "image_url" in reference:
            self.validate_image_url(reference["image_url"])
        return reference

    def validate_image_url(self, url: str) -> str:
        if not settings.IMAGE_URL_FETCH_ENABLED:
            raise field_error(
                "URLs of images are disabled on this site. Send the image in base64, or as a file in a form.",
                code="not_allowed",
            )
        return url

    validate_last_image_url = validate_image_url

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs.pop("user", None)
        for names in self.MUTUALLY_EXCLUSIVE_FIELDS:
            present = [name for name in names if name in attrs]
            if len(present) > 1:
                detail = error_detail(
                    "Send %(one)s or %(other)s, not both.", {"one": present[0], "other": present[1]}, code="conflict"
                )
                raise serializers.ValidationError({present[1]: [detail]})
        if isinstance(attrs.get("input_reference"), dict):
            attrs |= attrs.pop("input_reference")
        return attrs
