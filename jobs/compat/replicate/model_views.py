"""Replicate's models API. Each model has one version, which has the model's name."""

from typing import Any

from django.conf import settings
from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.roles import Scope
from common.errors import NotFound
from inference.models.descriptor import ModelDescriptor
from inference.models.input_schema import input_properties
from jobs.compat.model_names import OWNER, find_model
from jobs.compat.views import CompatView
from jobs.videos.submission import offered_models

# The fields of a request by their names on Replicate, where an image has one name for all its forms.
_INPUTS = (
    "prompt",
    "negative_prompt",
    "resolution",
    "aspect_ratio",
    "num_frames",
    "fps",
    "num_inference_steps",
    "guidance_scale",
    "audio",
    "seed",
    "output_format",
)
# From this version on the SDK follows the schema. Before it, the SDK treats every list as a stream.
_COG_VERSION = "0.9.0"


class ModelsView(CompatView):
    scopes = {"GET": Scope.VIDEOS_READ}

    def get(self, request: Request) -> Response:
        return Response(_single_page([_model(descriptor, request) for descriptor in offered_models()]))


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
        descriptor = find_model(f"{owner}/{name}:{version_id}")
        # A version id of another service is only accepted if MODEL_ALIASES lists it.
        if descriptor.name != settings.MODEL_ALIASES.get(f"{owner}/{name}:{version_id}", version_id):
            raise NotFound(
                "%(model)s has one version: %(version)s.",
                {"model": f"{owner}/{name}", "version": descriptor.name},
                code="version_not_found",
            )
        return Response(_version(descriptor))


def _single_page(results: list[dict[str, Any]]) -> dict[str, Any]:
    return {"previous": None, "next": None, "results": results}


def _model(descriptor: ModelDescriptor, request: Request) -> dict[str, Any]:
    return {
        "url": request.build_absolute_uri(reverse("replicate:model", args=[OWNER, descriptor.name])),
        "owner": OWNER,
        "name": descriptor.name,
        "description": descriptor.description,
        "visibility": "private",
        "github_url": None,
        "paper_url": None,
        "license_url": descriptor.license.url or None,
        "run_count": 0,
        "cover_image_url": None,
        "default_example": None,
        "latest_version": _version(descriptor),
    }


def _version(descriptor: ModelDescriptor) -> dict[str, Any]:
    properties = input_properties(descriptor)
    needs = {"image": descriptor.inputs.image, "last_image": descriptor.inputs.last_image}
    inputs: dict[str, Any] = {name: {"type": "string", "format": "uri"} for name in needs if needs[name] != "none"}
    inputs |= {name: properties[name] for name in _INPUTS if name in properties}
    required = [*(name for name in needs if needs[name] == "required"), "prompt"]
    schemas = {
        "Input": {"type": "object", "required": required, "properties": inputs},
        "Output": {"type": "string", "format": "uri"},
    }
    return {
        "id": descriptor.name,
        "created_at": f"{descriptor.created.isoformat()}T00:00:00Z",
        "cog_version": _COG_VERSION,
        "openapi_schema": {"openapi": "3.1.0", "components": {"schemas": schemas}},
    }
