"""What the views cannot say each for itself: errors by status, headers, tags, links, examples, bodies by media type."""

from collections.abc import Iterator
from typing import Any

from jobs.api.openapi.bodies import require_bodies, separate_forms
from jobs.api.openapi.examples import add_examples
from jobs.api.openapi.links import add_links
from jobs.api.openapi.parameters import describe_parameters
from jobs.api.openapi.responses import COMPONENTS, complete_responses
from jobs.api.openapi.security import SECURITY
from jobs.api.openapi.tags import TAGS, tag_of

_METHODS = ("post", "get", "put", "patch", "delete")


def operation_sort_key(endpoint: tuple[str, str, str, Any]) -> tuple[str, int]:
    """The place of an endpoint of drf-spectacular: making before listing, `/quote` before `/{video_id}`."""
    path, _regex, method, _view = endpoint
    return path, _METHODS.index(method.lower())


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(path, method, operation) of a description."""
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                yield path, method, item[method]


def postprocess_schema(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """A hook of drf-spectacular: completes the description that it made of the views."""
    components = result["components"]
    for kind, found in COMPONENTS.items():
        components.setdefault(kind, {}).update(found)
    components["securitySchemes"] = SECURITY
    for path, method, operation in operations(result):
        operation["tags"] = [tag_of(path)]
        operation["security"] = [{name: []} for name in SECURITY]
        describe_parameters(operation)
        complete_responses(path, method, operation)
    separate_forms(result)
    require_bodies(result)
    add_examples(result)
    add_links(result)
    used = {tag for *_where, operation in operations(result) for tag in operation["tags"]}
    result["tags"] = [{"name": name, "description": words} for name, words in TAGS.items() if name in used]
    return result
