"""Which call leads to which: the id in the answer of one is the id in the address of others."""

from typing import Any

_MADE = ("201", "202")


def add_links(document: dict[str, Any]) -> None:
    """From each `POST /v1/things` to everything below `/v1/things/{thing_id}` that needs no other id."""
    paths = document["paths"]
    for path, item in paths.items():
        answers = item.get("post", {}).get("responses", {})
        made = next((answers[status] for status in _MADE if status in answers), None)
        if made is None or "{" in path:
            continue
        for below, target in paths.items():
            head, brace, rest = below.partition("/{")
            if head == path and brace and rest.count("{") == 0:
                made.setdefault("links", {}).update(_links(target, rest.partition("}")[0]))


def _links(target: dict[str, Any], parameter: str) -> dict[str, Any]:
    return {
        operation["operationId"]: {
            "operationId": operation["operationId"],
            "parameters": {parameter: "$response.body#/id"},
        }
        for operation in target.values()
        if isinstance(operation, dict) and "operationId" in operation
    }
