"""/v1/models and /v1/presets: the available models and presets, their limits and prices."""

from datetime import UTC, datetime, time
from typing import Annotated, Any, Literal, TypedDict

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import Team
from accounts.quota.effective_limits import effective_limits_of
from accounts.roles import Scope
from common.errors import InvalidField, NotFound
from common.urls import HTTP_URL
from inference import limits
from inference.models.descriptor import ModelDescriptor
from inference.models.input_schema import input_schema
from inference.models.presets import Preset
from inference.models.ranges import FloatRange, IntegerRange
from inference.models.sizes import ASPECT_RATIOS, AUTO_ASPECT_RATIO, DEFAULT_ASPECT_RATIO
from jobs.api.authentication import principal_of
from jobs.api.error_schema import ERRORS
from jobs.api.fields import MAX_URL_LENGTH
from jobs.api.shapes import serializer_of
from jobs.licenses.selectors import usable_models
from jobs.queue.workers import ready_models
from jobs.videos.quote import quote_preset
from jobs.videos.submission import default_model, enabled_models, get_enabled_model, offered_models

URL_SCHEMA = {"type": "string", "format": "uri", "pattern": HTTP_URL, "maxLength": MAX_URL_LENGTH}


class RangeShape(TypedDict):
    minimum: float
    maximum: float


class ModelLimitsShape(TypedDict):
    num_frames: RangeShape
    fps: RangeShape
    steps: RangeShape | None
    guidance_scale: RangeShape | None
    seed: RangeShape
    prompt_length: RangeShape


class LicenseShape(TypedDict):
    name: str
    url: str
    accepted: Annotated[bool, {"help_text": "false while an administrator has to accept it: the model cannot be used"}]


class InputsShape(TypedDict):
    """Whether a request must have an input (`required`), may have it (`optional`), or must not (`none`)."""

    image: str
    last_image: str
    negative_prompt: str
    guidance_scale: str
    audio: str
    loras: list[str]


class PresetSettingsShape(TypedDict):
    """The settings that a preset fills in; null for those that the model does not have."""

    title: str
    resolution: str
    size: Annotated[str, {"help_text": "at 16:9"}]
    num_frames: int
    fps: int
    steps: int | None
    guidance_scale: float | None
    priority: str
    credits: Annotated[int, {"help_text": "at a square size"}]


class ModelShape(TypedDict):
    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    title: str
    description: str
    ready: Annotated[bool, {"help_text": "whether a worker has the model loaded, or loads it on demand"}]
    default: bool
    allowed: Annotated[bool, {"help_text": "whether the team's plan includes the model"}]
    license: LicenseShape
    inputs: InputsShape
    presets: dict[str, PresetSettingsShape]
    input_schema: Annotated[
        dict[str, Any], {"field": serializers.DictField, "help_text": "JSON Schema of a request for this model"}
    ]
    resolutions: list[str]
    aspect_ratios: list[str]
    limits: Annotated[ModelLimitsShape, {"help_text": "deprecated: input_schema has the ranges"}]
    prices: Annotated[dict[str, int], {"help_text": "deprecated: presets have the credits"}]


class PresetShape(TypedDict):
    """Presets of several models may have the same name."""

    id: str
    object: Literal["preset"]
    model: str
    title: str
    resolution: str
    num_frames: int
    fps: int
    steps: int | None
    guidance_scale: float | None
    priority: str
    prices: Annotated[dict[str, int], {"help_text": "credits by model, at a square size"}]


class ModelListShape(TypedDict):
    object: Literal["list"]
    data: list[ModelShape]


class PresetListShape(TypedDict):
    object: Literal["list"]
    data: list[PresetShape]


class ModelListView(APIView):
    scopes = {"GET": Scope.VIDEOS_READ}

    @extend_schema(operation_id="models_list", summary="List models", responses={200: serializer_of(ModelListShape)})
    def get(self, request: Request) -> Response:
        body: ModelListShape = {"object": "list", "data": _models_as_json(enabled_models(), principal_of(request).team)}
        return Response(body)


class ModelDetailView(APIView):
    scopes = {"GET": Scope.VIDEOS_READ}

    @extend_schema(
        operation_id="models_retrieve",
        summary="Retrieve a model",
        responses={200: serializer_of(ModelShape), **ERRORS},
    )
    def get(self, request: Request, model_id: str) -> Response:
        try:
            descriptor = get_enabled_model(model_id)
        except InvalidField as error:
            raise NotFound(error.text, code="model_not_found", param="model") from None
        (body,) = _models_as_json([descriptor], principal_of(request).team)
        return Response(body)


class PresetListView(APIView):
    scopes = {"GET": Scope.VIDEOS_READ}

    @extend_schema(operation_id="presets_list", summary="List presets", responses={200: serializer_of(PresetListShape)})
    def get(self, request: Request) -> Response:
        offered = offered_models()
        presets = [_preset_as_json(each, name, offered) for each in offered for name in each.presets]
        body: PresetListShape = {"object": "list", "data": presets}
        return Response(body)


def _models_as_json(descriptors: list[ModelDescriptor], team: Team) -> list[ModelShape]:
    """Return the models, including those whose licence an administrator has to accept first."""
    usable = {descriptor.name for descriptor in usable_models(descriptors)}
    ready, default = ready_models() & usable, default_model(team)
    return [
        _model_as_json(each, team, ready=each.name in ready, default=each.name == default, usable=each.name in usable)
        for each in descriptors
    ]


def _model_as_json(descriptor: ModelDescriptor, team: Team, *, ready: bool, default: bool, usable: bool) -> ModelShape:
    allowed = effective_limits_of(team).allowed_models
    presets = {name: _preset_settings(descriptor, preset) for name, preset in descriptor.presets.items()}
    return {
        "id": descriptor.name,
        "object": "model",
        "created": int(datetime.combine(descriptor.created, time(), UTC).timestamp()),
        "owned_by": descriptor.owner,
        "title": descriptor.title,
        "description": descriptor.description,
        "ready": ready,
        "default": default,
        # Whether the team's plan includes the model. /v1/limits contains the other limits of the plan.
        "allowed": allowed is None or descriptor.name in allowed,
        "license": {"name": descriptor.license.name, "url": descriptor.license.url, "accepted": usable},
        "inputs": {
            "image": descriptor.inputs.image,
            "last_image": descriptor.inputs.last_image,
            "negative_prompt": descriptor.inputs.negative_prompt,
            "guidance_scale": "none" if descriptor.guidance_scale is None else "optional",
            "audio": descriptor.inputs.audio,
            "loras": [*descriptor.lora_names],
        },
        "presets": presets,
        "input_schema": input_schema(descriptor, url=URL_SCHEMA, takes_image_urls=settings.IMAGE_URL_FETCH_ENABLED),
        "resolutions": [*descriptor.sizes.resolutions],
        "aspect_ratios": [AUTO_ASPECT_RATIO, *ASPECT_RATIOS],
        "limits": {
            "num_frames": _range(descriptor.num_frames),
            "fps": _range(descriptor.fps),
            "steps": _range(descriptor.steps) if descriptor.steps else None,
            "guidance_scale": _range(descriptor.guidance_scale) if descriptor.guidance_scale else None,
            "seed": _range(limits.SEED),
            "prompt_length": {"minimum": 1, "maximum": descriptor.prompt.max_length},
        },
        "prices": {name: preset["credits"] for name, preset in presets.items()},
    }


def _range(allowed: IntegerRange | FloatRange | limits.Range[int]) -> RangeShape:
    return {"minimum": allowed.minimum, "maximum": allowed.maximum}


def _preset_settings(descriptor: ModelDescriptor, preset: Preset) -> PresetSettingsShape:
    width, height = descriptor.sizes.frame_size(preset.resolution, DEFAULT_ASPECT_RATIO, None)
    return {
        "title": preset.title,
        "resolution": preset.resolution,
        "size": f"{width}x{height}",
        "num_frames": preset.num_frames,
        "fps": preset.fps or descriptor.fps.default,
        "steps": preset.steps,
        "guidance_scale": preset.guidance_scale,
        "priority": preset.priority,
        "credits": quote_preset(descriptor, preset, aspect_ratio="1:1", image_size=(1, 1)).credits,
    }


def _preset_as_json(descriptor: ModelDescriptor, name: str, offered: list[ModelDescriptor]) -> PresetShape:
    """Return the settings of a preset, and its price for each offered model with the same preset."""
    preset = descriptor.presets[name]
    prices = {
        other.name: quote_preset(other, other.presets[name], aspect_ratio="1:1", image_size=(1, 1)).credits
        for other in offered
        if name in other.presets
    }
    return {
        "id": name,
        "object": "preset",
        "model": descriptor.name,
        "title": preset.title,
        "resolution": preset.resolution,
        "num_frames": preset.num_frames,
        "fps": preset.fps or descriptor.fps.default,
        "steps": preset.steps,
        "guidance_scale": preset.guidance_scale,
        "priority": preset.priority,
        "prices": prices,
    }
