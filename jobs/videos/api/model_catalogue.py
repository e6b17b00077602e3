"""/v1/models and /v1/presets: the available models and presets, their limits and prices."""

from dataclasses import asdict
from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.quota.effective_limits import effective_limits_of
from accounts.roles import Scope
from inference import limits
from inference.catalogue import MODELS, ModelSpec
from inference.presets import PRESETS, Preset
from inference.sizes import ASPECT_RATIOS, AUTO_ASPECT_RATIO, RESOLUTIONS
from jobs.api.authentication import principal_of
from jobs.videos.quote import quote
from jobs.videos.submission import default_model

# OpenAI's SDK requires a creation time. 2026-01-01, the date of the first models.
_MODELS_CREATED_AT = 1_767_225_600
_LIST_SCHEMA = {
    "type": "object",
    "properties": {"object": {"type": "string"}, "data": {"type": "array", "items": {"type": "object"}}},
}


class ModelListView(APIView):
    scopes = {"GET": Scope.VIDEOS_READ}

    @extend_schema(operation_id="models_list", summary="List models", responses={200: _LIST_SCHEMA})
    def get(self, request: Request) -> Response:
        team = principal_of(request).team
        default, allowed = default_model(team), effective_limits_of(team).allowed_models
        specs = [MODELS[name] for name in settings.MODELS_ENABLED]
        return Response({"object": "list", "data": [_model_as_json(spec, default, allowed) for spec in specs]})


class PresetListView(APIView):
    scopes = {"GET": Scope.VIDEOS_READ}

    @extend_schema(operation_id="presets_list", summary="List presets", responses={200: _LIST_SCHEMA})
    def get(self, request: Request) -> Response:
        return Response({"object": "list", "data": [preset_as_json(preset) for preset in PRESETS.values()]})


def _model_as_json(spec: ModelSpec, default: str, allowed: tuple[str, ...] | None) -> dict[str, Any]:
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
            "num_frames": asdict(limits.NUM_FRAMES),
            "fps": asdict(limits.FPS),
            "steps": asdict(limits.STEPS),
            "guidance_scale": asdict(limits.GUIDANCE_SCALE),
            "seed": asdict(limits.SEED),
            "prompt_length": asdict(limits.PROMPT_LENGTH),
        },
        "prices": {name: preset_credits(preset, spec) for name, preset in PRESETS.items()},
    }


def preset_as_json(preset: Preset) -> dict[str, Any]:
    """Return the settings of a preset, and its price in credits for each enabled model at a square size."""
    return {
        "id": preset.name,
        "object": "preset",
        **{name: value for name, value in asdict(preset).items() if name != "name"},
        "prices": {name: preset_credits(preset, MODELS[name]) for name in settings.MODELS_ENABLED},
    }


def preset_credits(preset: Preset, spec: ModelSpec) -> int:
    side = RESOLUTIONS[preset.resolution]
    return quote(spec=spec, width=side, height=side, num_frames=preset.num_frames, steps=preset.steps).credits
