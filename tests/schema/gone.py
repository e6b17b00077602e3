"""Ids that a run has deleted, directly or by cascade. No chain of requests shows cascades, so a check would complain.

A publication is deleted with its video, a share link with its collection.
"""

from collections.abc import Mapping
from typing import Any

import schemathesis
from schemathesis.openapi.checks import EnsureResourceAvailability

_deleted: set[str] = set()
# The id of a row that each row depends on.
_depends_on: dict[str, str] = {}


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """Run on each response."""
    body = _body_of(response)
    identifier = body.get("id")
    if not isinstance(identifier, str):
        return
    if body.get("deleted") is True:
        _deleted.add(identifier)
    elif body.get("object") in {"publication", "share_link"}:
        _depends_on[identifier] = body.get("video") or body["target"]


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Run on each failure. It counts unless a row in the URL was deleted by a cascade."""
    if not isinstance(failure, EnsureResourceAvailability):
        return True
    return not any(_is_gone(value) for value in (case.path_parameters or {}).values())


def _is_gone(identifier: Any) -> bool:
    return identifier in _deleted or (identifier in _depends_on and _is_gone(_depends_on[identifier]))


def _body_of(response: Any) -> Mapping[str, Any]:
    kind = response.headers.get("content-type", [""])[0]
    found = response.json() if kind.startswith("application/json") else {}
    return found if isinstance(found, dict) else {}
