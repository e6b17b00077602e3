"""Names and sentences of the description: tags, and parameters that many addresses share."""

from typing import Any

from common.ids import HEX

TAGS = {
    "Videos": "Send a picture and a sentence, follow the work, fetch the file.",
    "Batches": "Many videos in one call, each an ordinary video under the same quotas.",
    "Generate": "The one-call endpoint: send, wait, get the video in the answer. New programs use videos.",
    "Models": "What can be asked for, within which limits, at what price.",
    "Usage": "What was used, what is allowed and what is left.",
    "Gallery": "The team's published videos, collections of them, and everybody's own favourites.",
    "Share links": "Addresses that show a video or a collection to people without an account.",
    "Webhooks": "Be told when a video has ended, instead of asking.",
    "Replicate": "The same videos in the words of Replicate's API, for its unmodified SDK.",
    "fal": "The same videos in the words of fal's queue API, for its unmodified client.",
}
_TAG_BY_PATH_SEGMENT = {
    "videos": "Videos",
    "batches": "Batches",
    "generate": "Generate",
    "models": "Models",
    "presets": "Models",
    "usage": "Usage",
    "limits": "Usage",
    "gallery": "Gallery",
    "collections": "Gallery",
    "share-links": "Share links",
    "webhooks": "Webhooks",
    "replicate": "Replicate",
    "fal": "fal",
}

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


def tag_of(path: str) -> str:
    """The tag of an address: the dialects' first word, else the word after /v1."""
    words = [word for word in path.split("/") if word and word != "v1"]
    return _TAG_BY_PATH_SEGMENT.get(words[0] if words else "", "Videos")


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
