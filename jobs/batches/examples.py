"""Examples of batches for the OpenAPI description."""

from typing import Any

REQUEST: dict[str, Any] = {
    "name": "Spring catalogue",
    "images": {"shoe": "iVBORw0KGgoAAAANSUhEUgAA…"},
    "requests": [
        {"custom_id": "left", "image_name": "shoe", "prompt": "the camera pans left", "preset": "fast"},
        {"custom_id": "right", "image_name": "shoe", "prompt": "the camera pans right", "fps": 99},
    ],
}
_URL = "https://video.example.com/v1/batches/batch_0197f3a0c4b27d1e9a3b5c6d7e8f9a0b"
BATCH: dict[str, Any] = {
    "id": "batch_0197f3a0c4b27d1e9a3b5c6d7e8f9a0b",
    "object": "batch",
    "status": "in_progress",
    "name": "Spring catalogue",
    "progress": 50,
    "counts": {
        "total": 2,
        "pending": 0,
        "not_taken": 0,
        "refused": 1,
        "queued": 1,
        "in_progress": 0,
        "completed": 0,
        "failed": 0,
        "canceled": 0,
        "expired": 0,
        "deleted": 0,
    },
    "usage": {"credits_reserved": 12, "credits_charged": 0},
    "eta_seconds": 31.5,
    "created_at": 1764000000,
    "completed_at": None,
    "on_error": "continue",
    "metadata": {},
    "urls": {
        "self": _URL,
        "items": f"{_URL}/items",
        "cancel": f"{_URL}/cancel",
        "results": f"{_URL}/results",
    },
}
_VIDEO = "https://video.example.com/v1/videos/vid_0197f3a0c4b37d1e9a3b5c6d7e8f9a0c"
_MESSAGE = "Ensure this value is less than or equal to 24."
CREATED: dict[str, Any] = BATCH | {
    "items": [
        {
            "id": "item_0197f3a0c4b47d1e9a3b5c6d7e8f9a0d",
            "object": "batch.item",
            "index": 0,
            "custom_id": "left",
            "status": "queued",
            "video": {
                "id": "vid_0197f3a0c4b37d1e9a3b5c6d7e8f9a0c",
                "object": "video",
                "status": "queued",
                "progress": 0,
                "error": None,
                "urls": {"self": _VIDEO, "content": f"{_VIDEO}/content", "cancel": f"{_VIDEO}/cancel"},
            },
            "error": None,
        },
        {
            "id": "item_0197f3a0c4b57d1e9a3b5c6d7e8f9a0e",
            "object": "batch.item",
            "index": 1,
            "custom_id": "right",
            "status": "refused",
            "video": None,
            "error": {
                "type": "invalid_request_error",
                "code": "invalid_field",
                "message": f"fps: {_MESSAGE}",
                "param": "fps",
                "request_id": "b1946ac92492d2347c6235b4d2611184",
                "details": [{"loc": ["fps"], "msg": _MESSAGE, "type": "max_value"}],
            },
        },
    ]
}
