"""Replicate's models API. Each model has one version, which has the model's name."""

from typing import Any

from django.conf import settings
from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.roles import Scope
from common.errors import NotFound
from inference import limits
from inference.catalogue import MODELS, ModelSpec
from inference.limits import Range
from inference.sizes import ASPECT_RATIOS, AUTO_ASPECT_RATIO
from jobs.compat.model_names import OWNER, find_model
from jobs.compat.views import CompatView

_CREATED_AT = "2026-01-01T00:00:00Z"
# From this version on the SDK follows the schema. Before it, the SDK treats every list as a stream.
_COG_VERSION = "0.9.0"


class ModelsView(CompatView):
    scopes = {"GET": Scope.VIDEOS_READ}

    def get(self, request: Request) -> Response:
        return Response(_single_page([_model(MODELS[name], request) for name in settings.MODELS_ENABLED]))


class ModelView(CompatView):
    scopes = {"GET": Scope.VIDEOS_READ}

    def get(self, request: Request, owner: str, name: str) -> Response:
        return Response(_model(find_model(f"{owner}/{name}"), request))


class VersionsView(CompatView):
    scopes = {"GET": Scope.VIDEOS_READ}

    def get(self, request: Request, owner: str, name: str) -> Response:
        return Response(_single_page([_version(find_model(f"{owner}/{name}"))]))


class VersionView(CompatView):
    scopes = {"GET": Scope.VIDEOS_READ}

    def get(self, request: Request, owner: str, name: str, version_id: str) -> Response:
        spec = find_model(f"{owner}/{name}:{version_id}")
        # A version id of another service is only accepted if MODEL_ALIASES lists it.
        if spec.name != settings.MODEL_ALIASES.get(f"{owner}/{name}:{version_id}", version_id):
            raise NotFound(
                "%(model)s has one version: %(version)s.",
                {"model": f"{owner}/{name}", "version": spec.name},
                code="version_not_found",
            )
        return Response(_version(spec))


def _single_page(results: list[dict[str, Any]]) -> dict[str, Any]:
    return {"previous": None, "next": None, "results": results}


def _model(spec: ModelSpec, request: Request) -> dict[str, Any]:
    return {
        "url": request.build_absolute_uri(reverse("replicate:model", args=[OWNER, spec.name])),
        "owner": OWNER,
        "name": spec.name,
        "description": spec.description,
        "visibility": "private",
        "github_url": None,
        "paper_url": None,
        "license_url": None,
        "run_count": 0,
        "cover_image_url": None,
        "default_example": None,
        "latest_version": _version(spec),
    }


def _version(spec: ModelSpec) -> dict[str, Any]:
    inputs = {
        "image": {"type": "string", "format": "uri"},
        "prompt": {"type": "string", "maxLength": limits.PROMPT_LENGTH.maximum},
        "negative_prompt": {"type": "string"},
        "resolution": {"type": "string", "enum": list(spec.resolutions)},
        "aspect_ratio": {"type": "string", "enum": [AUTO_ASPECT_RATIO, *ASPECT_RATIOS]},
        "num_frames": _number(limits.NUM_FRAMES),
        "fps": _number(limits.FPS),
        "num_inference_steps": _number(limits.STEPS),
        "guidance_scale": _number(limits.GUIDANCE_SCALE) | {"type": "number"},
        "seed": _number(limits.SEED),
        "output_format": {"type": "string", "enum": ["mp4", "gif"]},
    }
    schemas = {
        "Input": {"type": "object", "required": ["image", "prompt"], "properties": inputs},
        "Output": {"type": "string", "format": "uri"},
    }
    return {
        "id": spec.name,
        "created_at": _CREATED_AT,
        "cog_version": _COG_VERSION,
        "openapi_schema": {"openapi": "3.1.0", "components": {"schemas": schemas}},
    }


def _number(allowed: Range[Any]) -> dict[str, Any]:
    return {"type": "integer", "minimum": allowed.minimum, "maximum": allowed.maximum}
