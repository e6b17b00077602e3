"""Finds out about the view of a path before Django handles the request."""

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import Http404
from django.urls import resolve


def has_async_view(path: str) -> bool:
    """Return whether the view of this path is asynchronous, since it may wait for long."""
    view = _view(path)
    return view is not None and iscoroutinefunction(view)


def has_throttled_view(path: str) -> bool:
    """Return whether the view of this path counts the requests of an API key."""
    permission_classes = getattr(getattr(_view(path), "cls", None), "permission_classes", [])
    return any(getattr(each, "throttles", False) for each in permission_classes)


def _view(path: str) -> Callable[..., Any] | None:
    try:
        return resolve(path).func
    except Http404:
        return None
