"""/v1/models and /v1/presets: the available models and presets, their limits and prices."""

from typing import Annotated, Literal, TypedDict

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.quota.effective_limits import effective_limits_of
from accounts.roles import Scope
from common.errors import InvalidField, NotFound
from inference import limits
from inference.catalogue import MODELS, ModelSpec
from inference.presets import PRESETS, Preset
from inference.sizes import ASPECT_RATIOS, AUTO_ASPECT_RATIO, RESOLUTIONS
from jobs.api.authentication import principal_of
from jobs.api.error_schema import ERRORS
from jobs.api.shapes import serializer_of
from jobs.videos.quote import quote
from jobs.videos.submission import default_model, get_enabled_model

# OpenAI's SDK requires a creation time. 2026-01-01, the date of the first models.
_MODELS_CREATED_AT = 1_767_225_600


class RangeShape(TypedDict):
    minimum: float
    maximum: float


class ModelLimitsShape(TypedDict):
    num_frames: RangeShape
    fps: RangeShape
    steps: RangeShape
    guidance_scale: RangeShape
    seed: RangeShape
    prompt_length: RangeShape


class ModelShape(TypedDict):
    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    title: str
    description: str
    default: bool
    allowed: Annotated[bool, {"help_text": "whether the team's plan includes the model"}]
    resolutions: list[str]
    aspect_ratios: list[str]
    limits: ModelLimitsShape
    prices: Annotated[dict[str, int], {"help_text": "credits by preset, at a square size"}]


class PresetShape(TypedDict):
    id: str
    object: Literal["preset"]
    resolution: str
    num_frames: int
    steps: int
    guidance_scale: float
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
        team = principal_of(request).team
        default, allowed = default_model(team), effective_limits_of(team).allowed_models
        specs = [MODELS[name] for name in settings.MODELS_ENABLED]
        body: ModelListShape = {"object": "list", "data": [_model_as_json(spec, default, allowed) for spec in specs]}
        return Response(body)


class ModelDetailView(APIView):
    scopes = {"GET": Scope.VIDEOS_READ}

    @extend_schema(
        operation_id="models_retrieve",
        summary="Retrieve a model",
        responses={200: serializer_of(ModelShape), **ERRORS},
    )
    def get(self, request: Request, model_id: str) -> Response:
        team = principal_of(request).team
        try:
            spec = get_enabled_model(model_id)
        except InvalidField as error:
            raise NotFound(error.text, code="model_not_found", param="model") from None
        return Response(_model_as_json(spec, default_model(team), effective_limits_of(team).allowed_models))


class PresetListView(APIView):
    scopes = {"GET": Scope.VIDEOS_READ}

    @extend_schema(operation_id="presets_list", summary="List presets", responses={200: serializer_of(PresetListShape)})
    def get(self, request: Request) -> Response:
        body: PresetListShape = {"object": "list", "data": [preset_as_json(preset) for preset in PRESETS.values()]}
        return Response(body)


def _model_as_json(spec: ModelSpec, default: str, allowed: tuple[str, ...] | None) -> ModelShape:
    return {
        "id": spec.name,
        "object": "model",
        "created": _MODELS_CREATED_AT,
        "owned_by": "mutoscope",
        "title": spec.title,
        "description": spec.description,
        "default": spec.name == default,
        # Whether the team's plan includes the model. /v1/limits contains the other limits of the plan.
        "allowed": allowed is None or spec.name in allowed,
        "resolutions": list(spec.resolutions),
        "aspect_ratios": [AUTO_ASPECT_RATIO, *ASPECT_RATIOS],
        "limits": {
            "num_frames": _range(limits.NUM_FRAMES),
            "fps": _range(limits.FPS),
            "steps": _range(limits.STEPS),
            "guidance_scale": _range(limits.GUIDANCE_SCALE),
            "seed": _range(limits.SEED),
            "prompt_length": _range(limits.PROMPT_LENGTH),
        },
        "prices": {name: preset_credits(preset, spec) for name, preset in PRESETS.items()},
    }


def _range(allowed: limits.Range[int] | limits.Range[float]) -> RangeShape:
    return {"minimum": allowed.minimum, "maximum": allowed.maximum}


def preset_as_json(preset: Preset) -> PresetShape:
    """Return the settings of a preset, and its price in credits for each enabled model at a square size."""
    return {
        "id": preset.name,
        "object": "preset",
        "resolution": preset.resolution,
        "num_frames": preset.num_frames,
        "steps": preset.steps,
        "guidance_scale": preset.guidance_scale,
        "priority": preset.priority,
        "prices": {name: preset_credits(preset, MODELS[name]) for name in settings.MODELS_ENABLED},
    }


def preset_credits(preset: Preset, spec: ModelSpec) -> int:
    side = RESOLUTIONS[preset.resolution]
    return quote(spec=spec, width=side, height=side, num_frames=preset.num_frames, steps=preset.steps).credits
