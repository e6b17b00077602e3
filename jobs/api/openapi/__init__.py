"""Postprocessing of the OpenAPI description: errors by status, headers, tags, links, examples, bodies by media type."""

from collections.abc import Iterator
from typing import Any

from jobs.api.openapi.bodies import require_bodies, separate_forms
from jobs.api.openapi.events import EVENT_SCHEMAS
from jobs.api.openapi.examples import add_examples
from jobs.api.openapi.links import add_links
from jobs.api.openapi.parameters import describe_parameters
from jobs.api.openapi.responses import COMPONENTS, complete_responses
from jobs.api.openapi.security import SECURITY
from jobs.api.openapi.tags import TAGS, tag_of

_METHODS = ("post", "get", "put", "patch", "delete")


def operation_sort_key(endpoint: tuple[str, str, str, Any]) -> tuple[str, int]:
    """Return the sort key of an endpoint for drf-spectacular: create before list, `/quote` before `/{video_id}`."""
    path, _regex, method, _view = endpoint
    return path, _METHODS.index(method.lower())


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield (path, method, operation) of a description."""
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                yield path, method, item[method]


def _inline_null(schemas: dict[str, Any]) -> None:
    """Replace the component for null by the type, so that generated clients have no class for it."""
    schemas.pop("NullEnum", None)
    for schema in schemas.values():
        for field in schema.get("properties", {}).values():
            if "oneOf" in field:
                field["oneOf"] = [
                    {"type": "null"} if option.get("$ref", "").endswith("/NullEnum") else option
                    for option in field["oneOf"]
                ]


def postprocess_schema(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Complete the description that drf-spectacular has generated from the views. A hook of drf-spectacular."""
    components = result["components"]
    for kind, additions in COMPONENTS.items():
        components.setdefault(kind, {}).update(additions)
    components["securitySchemes"] = SECURITY
    components["schemas"].update(EVENT_SCHEMAS)
    for path, method, operation in operations(result):
        operation["tags"] = [tag_of(path)]
        operation["security"] = [{name: []} for name in SECURITY]
        describe_parameters(operation)
        complete_responses(path, method, operation)
    separate_forms(result)
    require_bodies(result)
    add_examples(result)
    add_links(result)
    _inline_null(components["schemas"])
    used = {tag for *_, operation in operations(result) for tag in operation["tags"]}
    result["tags"] = [{"name": name, "description": description} for name, description in TAGS.items() if name in used]
    return result
