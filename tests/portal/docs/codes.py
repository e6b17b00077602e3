"""Every code that the source can raise, read from the source itself."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from django.conf import settings
from django.urls import get_resolver

from common.errors import MutoscopeError
from inference.errors import ImageErrorCode, InferenceError
from jobs.worker.messages import SCRATCH_FAILED
from portal.web import request_guards  # noqa: F401 (defines errors of the tree, and no address leads to it)

ROOT = Path(settings.ROOT)
_ROOMS = ("accounts", "jobs", "platform/common", "platform/portal")
# What ends a video takes the code that it is to show.
_ENDS = {"fail_job", "crash_job", "_end_unpaid"}


def subclasses(base: type) -> Iterator[type]:
    yield base
    for child in base.__subclasses__():
        yield from subclasses(child)


def modules(*rooms: str) -> list[ast.Module]:
    return [
        ast.parse(path.read_text())
        for room in rooms
        for path in sorted((ROOT / room).rglob("*.py"))
        if "migrations" not in path.parts
    ]


def calls(tree: ast.AST, names: set[str]) -> Iterator[ast.Call]:
    """The calls of these functions or classes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in names:
                yield node


def constants(call: ast.Call, *keywords: str) -> set[str]:
    """The words that a call gives for one of these keywords, also by way of `a if x else b`."""
    given = [word.value for word in call.keywords if word.arg in keywords]
    return {
        part.value
        for value in given
        for part in ast.walk(value)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    }


def raised() -> set[str]:
    """Codes of the error envelope."""
    assert get_resolver().url_patterns  # everything that an address leads to is loaded
    classes = set(subclasses(MutoscopeError))
    found = {str(kind.default_code) for kind in classes} | {fault.value for fault in ImageErrorCode}
    names = {kind.__name__ for kind in classes} | {"super"}
    for tree in modules(*_ROOMS):
        for call in calls(tree, names):
            found |= constants(call, "code")
        # `super().__init__(message, code="…")` of a class of the tree
        for call in calls(tree, {"__init__"}):
            found |= constants(call, "code")
    return found


def ends_of_videos() -> set[str]:
    """Codes of `error` in a video that was not made. `canceled` is a state of its own, without an error."""
    found = {SCRATCH_FAILED}
    for tree in modules("jobs"):
        for call in calls(tree, _ENDS):
            found |= constants(call, "code", "error_code")
    # What the engine's process reports of a run, and of loading its model; what its parent finds.
    for tree in modules("jobs/worker"):
        found |= _words(word for call in calls(tree, {"LoadFailure", "GenerationFailure"}) for word in call.args[:2])
        returned = (node.value for node in ast.walk(tree) if isinstance(node, ast.Return))
        found |= _words(value.elts[0] for value in returned if isinstance(value, ast.Tuple))
    names = {kind.__name__ for kind in subclasses(InferenceError)}
    for tree in modules("inference"):
        classes = (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name in names)
        found |= _words(word for node in classes for call in calls(node, {"__init__"}) for word in call.args[:1])
    return found - {"canceled"}


def _words(values: Iterable[ast.expr]) -> set[str]:
    constants = (value.value for value in values if isinstance(value, ast.Constant))
    return {word for word in constants if isinstance(word, str)}
