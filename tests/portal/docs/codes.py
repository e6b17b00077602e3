"""Collect every error code that the source can raise, from the source itself."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from django.conf import settings
from django.urls import get_resolver

from common.errors import MutoscopeError
from inference.errors import ImageErrorCode, InferenceError
from jobs.worker.messages import SCRATCH_FAILED
from portal.web import body_limits  # noqa: F401 (defines errors, and no URL imports it)

T = TypeVar("T")

ROOT = Path(settings.ROOT)
_SOURCES = ("accounts", "jobs", "platform/common", "platform/portal")
# Functions that finish a video with a failure code.
_FAILURE_FUNCTIONS = {"fail_job", "fail_queued", "record_crash", "_finish_without_charge"}


def subclasses(base: type[T]) -> Iterator[type[T]]:
    """Yield a class and all classes that derive from it."""
    yield base
    for child in base.__subclasses__():
        yield from subclasses(child)


def modules(*folders: str) -> list[ast.Module]:
    return [
        ast.parse(path.read_text())
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "migrations" not in path.parts
    ]


def calls(tree: ast.AST, names: set[str]) -> Iterator[ast.Call]:
    """Yield the calls of these functions or classes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in names:
                yield node


def constants(call: ast.Call, *keywords: str) -> set[str]:
    """Return the string constants that a call passes as one of these keywords, also in `a if x else b`."""
    given = [keyword.value for keyword in call.keywords if keyword.arg in keywords]
    return {
        part.value
        for value in given
        for part in ast.walk(value)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    }


def raised() -> set[str]:
    """Return the codes of the error envelope."""
    assert get_resolver().url_patterns  # imports every view
    classes = set(subclasses(MutoscopeError))
    found = {kind.default_code for kind in classes} | {fault.value for fault in ImageErrorCode}
    names = {kind.__name__ for kind in classes} | {"super", "invalid_fields", "load_source_image"}
    for tree in modules(*_SOURCES):
        for call in calls(tree, names):
            found |= constants(call, "code")
        # `super().__init__(message, code="…")` in an error class
        for call in calls(tree, {"__init__"}):
            found |= constants(call, "code")
    return found


def failure_codes() -> set[str]:
    """Return the codes of `error` in a failed video. `canceled` is a state of its own, without an error."""
    found = {SCRATCH_FAILED}
    for tree in modules("jobs"):
        for call in calls(tree, _FAILURE_FUNCTIONS):
            found |= constants(call, "code") | _strings(call.args[2:3])
    # Reports of the engine process about loading the model and generating, and failures that its parent detects.
    for tree in modules("jobs/worker"):
        found |= _strings(
            value for call in calls(tree, {"LoadFailure", "GenerationFailure"}) for value in call.args[:2]
        )
        returned = (node.value for node in ast.walk(tree) if isinstance(node, ast.Return))
        found |= _strings(value.elts[0] for value in returned if isinstance(value, ast.Tuple))
    names = {kind.__name__ for kind in subclasses(InferenceError)}
    for tree in modules("inference"):
        classes = (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name in names)
        found |= _strings(value for node in classes for call in calls(node, {"__init__"}) for value in call.args[:1])
    return found - {"canceled"}


def _strings(values: Iterable[ast.expr]) -> set[str]:
    constants = (value.value for value in values if isinstance(value, ast.Constant))
    return {constant for constant in constants if isinstance(constant, str)}
