"""Columns and facts of the desk's tables: with a translated name, and links to what they are about."""

from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db.models import Model
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import localize
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from unfold.decorators import display
from unfold.utils import display_for_label

# What Django's admin calls a display: a method of an admin class.
Column = Any


def _resolve_path(row: Any, path: str) -> Any:
    for name in path.split("__"):
        row = getattr(row, name, None)
    return row


def field_column(path: str, description: Any, **options: Any) -> Column:
    """What a field holds, reached over relations as `wallet__balance`."""

    @display(description=description, ordering=options.pop("ordering", path), **options)
    def show(_admin: Any, row: Any) -> Any:
        value = _resolve_path(row, path)
        # A row's page, unlike the list, would print it to the microsecond.
        return localize(timezone.localtime(value)) if isinstance(value, datetime) else value

    return show


def boolean_column(path: str, description: Any) -> Column:
    """A yes or a no."""

    @display(description=description, ordering=path, boolean=True)
    def show(_admin: Any, row: Any) -> bool:
        return bool(_resolve_path(row, path))

    return show


def link_column(path: str, description: Any) -> Column:
    """The row that a foreign key points at, as a link_column to its page."""

    @display(description=description, ordering=path)
    def show(_admin: Any, row: Any) -> Any:
        return object_link(_resolve_path(row, path))

    return show


def label_column(
    path: str, description: Any, colours: dict[str, str], *, labels: dict[str, Any] | None = None, **options: Any
) -> Column:
    """A choice in its own words or in these, on the colour of its value."""

    @display(description=description, ordering=options.pop("ordering", path), **options)
    def show(_admin: Any, row: Any) -> SafeString:
        value = getattr(row, path)
        text = labels[value] if labels else getattr(row, f"get_{path}_display")()
        return _badge(str(text), colours.get(value, ""))

    return show


@lru_cache(maxsize=500)
def _badge(text: str, colour: str) -> SafeString:
    """Kept: it takes the theme a template, and the rows of a list share a few of them."""
    return SafeString(display_for_label(("", text), "", {"": colour}))


def object_link(row: Model | None, text: str = "") -> Any:
    if row is None:
        return None
    url = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
    return format_html('<a href="{}">{}</a>', url, text or str(row))


def changelist_link(model: str, text: Any, **filters: Any) -> Any:
    """A link to a filtered list, such as `listed("jobs_job", _("Videos"), team=3)`."""
    query = "&".join(f"{name}={value}" for name, value in filters.items())
    return format_html('<a href="{}?{}">{}</a>', reverse(f"admin:{model}_changelist"), query, text)


def time_ago(moment: datetime | None) -> str | None:
    return None if moment is None else _("%(time)s ago") % {"time": timesince(moment, timezone.now(), depth=1)}
