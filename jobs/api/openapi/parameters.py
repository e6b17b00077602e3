"""Descriptions of path, query and header parameters that many operations share."""

from typing import Any

from common.ids import HEX

# Ids in paths, by parameter: prefix and description.
_PATH_ID_PARAMETERS = {
    "video_id": ("vid", "The video"),
    "batch_id": ("batch", "The batch"),
    "webhook_id": ("whk", "The webhook"),
    "delivery_id": ("dlv", "The delivery"),
    "publication_id": ("pub", "The publication"),
    "collection_id": ("col", "The collection"),
    "link_id": ("shr", "The share link"),
}
# The prefix of the ids in `after`, by operation.
_CURSOR_PREFIX_BY_OPERATION = {
    "videos_list": "vid",
    "batches_list": "batch",
    "batches_items": "item",
    "webhooks_list": "whk",
    "webhooks_deliveries": "dlv",
    "gallery_list": "pub",
    "collections_list": "col",
    "share_links_list": "shr",
}
_EXAMPLE_HEX = "019aa8a17d7a7c0e9c7d0d8f4f0b2a11"
_HEADER_PARAMETERS: dict[str, dict[str, Any]] = {
    "Idempotency-Key": {
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]*$"},
        "description": (
            "A unique string for this request, such as a UUID. A repeated request within 24 hours returns the same "
            "video, or 409 `idempotency_conflict` if its body differs."
        ),
    },
    "Cancel-After": {
        "schema": {"type": "integer", "minimum": 1, "maximum": 604800},
        "description": "Seconds in which the video must start. Otherwise it expires, and nothing is charged.",
    },
    "Range": {
        "schema": {"type": "string"},
        "description": "The requested part of the file, such as `bytes=0-1023`.",
    },
}


def _id_schema(prefix: str) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^{prefix}_{HEX}$"}


def describe_parameters(operation: dict[str, Any]) -> None:
    """Add patterns to ids in paths and queries, and schemas to headers."""
    for parameter in operation.get("parameters", []):
        name = parameter["name"]
        if parameter["in"] == "path" and name in _PATH_ID_PARAMETERS:
            prefix, description = _PATH_ID_PARAMETERS[name]
            parameter["description"] = parameter.get("description") or f"{description}, as `{prefix}_…`"
            parameter.setdefault("example", f"{prefix}_{_EXAMPLE_HEX}")
            parameter["schema"] = _id_schema(prefix)
        elif name == "after" and operation["operationId"] in _CURSOR_PREFIX_BY_OPERATION:
            parameter["schema"] = _id_schema(_CURSOR_PREFIX_BY_OPERATION[operation["operationId"]])
        elif parameter["in"] == "header" and name in _HEADER_PARAMETERS:
            parameter.update(_HEADER_PARAMETERS[name])
