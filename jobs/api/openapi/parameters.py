"""Descriptions of path, query and header parameters that many operations share."""

from typing import Any

from common.ids import HEX

# Ids in addresses: parameter, prefix, what it is.
_PATH_ID_PARAMETERS = {
    "video_id": ("vid", "The video"),
    "batch_id": ("batch", "The batch"),
    "webhook_id": ("whk", "The webhook"),
    "delivery_id": ("dlv", "The delivery"),
    "publication_id": ("pub", "The publication"),
    "collection_id": ("col", "The collection"),
    "link_id": ("shr", "The share link"),
}
# Whose ids a list is paged by.
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
            "Any text that names this one wish, such as a UUID. Sent again within 24 hours with the same body it gives "
            "the same video; with another body 409 `idempotency_conflict`."
        ),
    },
    "Cancel-After": {
        "schema": {"type": "integer", "minimum": 1, "maximum": 604800},
        "description": "Seconds in which work must have started; after that the video expires and costs nothing.",
    },
    "Range": {
        "schema": {"type": "string"},
        "description": "The part of the file that is wanted, such as `bytes=0-1023`.",
    },
}


def _id_schema(prefix: str) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^{prefix}_{HEX}$"}


def describe_parameters(operation: dict[str, Any]) -> None:
    """Gives ids in addresses and queries their shape, and headers their rule."""
    for parameter in operation.get("parameters", []):
        name = parameter["name"]
        if parameter["in"] == "path" and name in _PATH_ID_PARAMETERS:
            prefix, words = _PATH_ID_PARAMETERS[name]
            parameter["description"] = parameter.get("description") or f"{words}, as `{prefix}_…`"
            parameter.setdefault("example", f"{prefix}_{_EXAMPLE_HEX}")
            parameter["schema"] = _id_schema(prefix)
        elif name == "after" and operation["operationId"] in _CURSOR_PREFIX_BY_OPERATION:
            parameter["schema"] = _id_schema(_CURSOR_PREFIX_BY_OPERATION[operation["operationId"]])
        elif parameter["in"] == "header" and name in _HEADER_PARAMETERS:
            parameter.update(_HEADER_PARAMETERS[name])
