"""OpenAPI links: ids in the response of an operation are used in the URL, query or body of others."""

import re
from typing import Any

_ID = "$response.body#/id"
_VIDEO, _BATCH, _WEBHOOK, _DELIVERY = "video_id", "batch_id", "webhook_id", "delivery_id"
_PUBLICATION, _COLLECTION, _LINK = "publication_id", "collection_id", "link_id"

# The ids that are known after an operation has succeeded, and where they are.
_RESPONSE_IDS: list[tuple[tuple[str, ...], dict[str, str]]] = [
    (("videos_create", "videos_remix", "videos_cancel", "videos_retrieve"), {_VIDEO: _ID}),
    (("generate", "generate_unversioned"), {_VIDEO: "$response.body#/task_id"}),
    (("batches_create", "batches_cancel"), {_BATCH: _ID}),
    (("webhooks_create", "webhooks_update", "webhooks_rotate"), {_WEBHOOK: _ID}),
    (("webhooks_ping", "webhooks_redeliver"), {_WEBHOOK: f"$request.path.{_WEBHOOK}", _DELIVERY: _ID}),
    (("gallery_publish", "gallery_edit"), {_PUBLICATION: _ID, _VIDEO: "$response.body#/video"}),
    (("collections_create", "collections_edit"), {_COLLECTION: _ID}),
    (("collections_add",), {name: f"$request.path.{name}" for name in (_COLLECTION, _PUBLICATION)}),
    (("share_links_create",), {_LINK: _ID}),
]
# Ids outside the path, by operation: the field or parameter, and the kinds of ids that it accepts.
_BODY_ID_FIELDS = {
    "gallery_publish": ("video", (_VIDEO,)),
    "share_links_create": ("target", (_COLLECTION, _VIDEO, _PUBLICATION)),
}
_QUERY_ID_PARAMETERS = {
    "gallery_list": ("collection", (_COLLECTION,)),
    "share_links_list": ("target", (_COLLECTION, _VIDEO, _PUBLICATION)),
}


def add_links(document: dict[str, Any]) -> None:
    """Link each operation that returns ids to all operations that need no others."""
    operations = {
        operation["operationId"]: (path, operation)
        for path, item in document["paths"].items()
        for operation in item.values()
        if isinstance(operation, dict) and "operationId" in operation
    }
    for source, known_ids in [(source, known_ids) for sources, known_ids in _RESPONSE_IDS for source in sources]:
        links = {
            target: {"operationId": target, **link}
            for target, (path, _operation) in operations.items()
            if target != source and (link := _link(target, path, known_ids))
        }
        for status, response in operations[source][1]["responses"].items():
            if status in {"200", "201", "202"}:
                response["links"] = links


def _link(target: str, path: str, known_ids: dict[str, str]) -> dict[str, Any] | None:
    """Return the link that passes the known ids to the target, or None if it uses none of them or needs more."""
    path_parameters = re.findall(r"{(\w+)}", path)
    if path_parameters:
        return (
            {"parameters": {name: known_ids[name] for name in path_parameters}}
            if known_ids.keys() >= {*path_parameters}
            else None
        )
    for id_fields, destination in ((_BODY_ID_FIELDS, "requestBody"), (_QUERY_ID_PARAMETERS, "parameters")):
        name, kinds = id_fields.get(target, ("", ()))
        value = next((known_ids[kind] for kind in kinds if kind in known_ids), None)
        if value is not None:
            return {destination: {name: value}}
    return None
