"""Examples of bodies. The guide shows them, and schemathesis sends them unchanged."""

import base64
from functools import cache
from io import BytesIO
from typing import Any

from PIL import Image

_ID = "vid_019aa8a17d7a7c0e9c7d0d8f4f0b2a11"
_SITE_URL = "https://mutoscope.example.com"
_VIDEO = {
    "id": _ID,
    "object": "video",
    "status": "in_progress",
    "progress": 42,
    "model": "camera",
    "prompt": "The cat looks up while the camera zooms in",
    "negative_prompt": "",
    "preset": "standard",
    "size": "512x512",
    "seconds": "2",
    "resolution": "512p",
    "num_frames": 16,
    "fps": 8,
    "steps": 50,
    "guidance_scale": 9.0,
    "seed": 1234567,
    "output_format": "mp4",
    "priority": "normal",
    "created_at": 1764000000,
    "started_at": 1764000003,
    "completed_at": None,
    "expires_at": None,
    "queue": {"position": 0, "eta_seconds": 31.5, "wait_reason": None},
    "usage": {"credits_reserved": 52, "credits_charged": None, "gpu_seconds": None},
    "attempt": 1,
    "error": None,
    "warnings": [],
    "remixed_from_video_id": None,
    "extends": None,
    "metadata": {"order": "1042"},
    "urls": {
        "self": f"{_SITE_URL}/v1/videos/{_ID}",
        "content": f"{_SITE_URL}/v1/videos/{_ID}/content",
        "cancel": f"{_SITE_URL}/v1/videos/{_ID}/cancel",
    },
}
_LIST = {"object": "list", "first_id": _ID, "last_id": _ID, "has_more": False}
_REQUEST_ID = "7f2d0c6c1b7e4c5f9a53c6d2f0e8b914"
_DETAIL = {"loc": ["fps"], "msg": "Ensure this value is less than or equal to 24.", "type": "max_value"}
_ERROR = {
    "type": "invalid_request_error",
    "code": "invalid_field",
    "message": "fps: Ensure this value is less than or equal to 24.",
    "param": "fps",
    "request_id": _REQUEST_ID,
    "doc_url": f"{_SITE_URL}/docs/errors#invalid_field",
    "details": [_DETAIL],
}
_WEBHOOK = {
    "id": "whk_019aa8a17d7a7c0e9c7d0d8f4f0b2a12",
    "object": "webhook",
    "url": "https://example.com/hook",
    "description": "",
    "events": ["video.completed", "video.failed"],
    "enabled": True,
    "disabled_reason": None,
    "failing_since": None,
    "former_secret_until": None,
    "created_at": 1764000000,
    "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw9r8GKYqrTwg=",
}

_RESPONSE_EXAMPLES: dict[str, dict[str, Any]] = {
    "Video": _VIDEO,
    "VideoList": {**_LIST, "data": [{**_VIDEO, "queue": None}]},
    "Error": {"error": _ERROR},
    "LegacyError": {
        "task_id": None,
        "status": "failed",
        "error": "fps: Ensure this value is less than or equal to 24.",
        "code": "INVALID_ARGUMENT",
    },
    "Pending": {"task_id": _ID, "status": "pending", "status_url": f"{_SITE_URL}/v1/videos/{_ID}"},
    "Webhook": _WEBHOOK,
}


@cache
def _example_image_base64() -> str:
    """Return a small image: two areas of color."""
    image = Image.new("RGB", (64, 64), "#f2a93b")
    image.paste("#1c1a17", (0, 40, 64, 64))
    file = BytesIO()
    image.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def _request_examples() -> dict[str, dict[str, Any]]:
    video_request = {
        "image_base64": _example_image_base64(),
        "prompt": _VIDEO["prompt"],
        "preset": "fast",
        "resolution": "256p",
    }
    return {
        "VideoRequest": {**video_request, "metadata": {"order": "1042"}},
        "RemixRequest": {"prompt": "The camera pans left", "seed": 7},
        "NewWebhookRequest": {"url": "https://example.com/hook", "events": ["video.completed", "video.failed"]},
        "RotationRequest": {"overlap_hours": 24},
        "NewCollectionRequest": {"name": "Best of March", "description": "What the jury chose"},
        "PublishRequest": {"video": _ID, "caption": "Dusk over the bay", "tags": ["sea"]},
        "NewShareLinkRequest": {"target": _ID, "password": "open sesame"},
    }


def add_examples(document: dict[str, Any]) -> None:
    """Add the examples to each body whose schema they belong to."""
    bodies = {**_RESPONSE_EXAMPLES, **_request_examples()}
    components = document["components"]
    containers = [container for item in document["paths"].values() for container in _operation_bodies(item)]
    for container in [*containers, *components["responses"].values()]:
        for media in container.get("content", {}).values():
            name = media.get("schema", {}).get("$ref", "").rpartition("/")[2]
            if name in bodies:
                media.setdefault("examples", {name: {"value": bodies[name]}})


def _operation_bodies(item: dict[str, Any]) -> list[dict[str, Any]]:
    operations = [operation for operation in item.values() if isinstance(operation, dict)]
    requests = [operation["requestBody"] for operation in operations if "requestBody" in operation]
    return requests + [response for operation in operations for response in operation.get("responses", {}).values()]
