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


def _reach(row: Any, path: str) -> Any:
    for name in path.split("__"):
        row = getattr(row, name, None)
    return row


def fact(path: str, description: Any, **options: Any) -> Column:
    """What a field holds, reached over relations as `wallet__balance`."""

    @display(description=description, ordering=options.pop("ordering", path), **options)
    def show(_admin: Any, row: Any) -> Any:
        value = _reach(row, path)
        # A row's page, unlike the list, would print it to the microsecond.
        return localize(timezone.localtime(value)) if isinstance(value, datetime) else value

    return show


def whether(path: str, description: Any) -> Column:
    """A yes or a no."""

    @display(description=description, ordering=path, boolean=True)
    def show(_admin: Any, row: Any) -> bool:
        return bool(_reach(row, path))

    return show


def link(path: str, description: Any) -> Column:
    """The row that a foreign key points at, as a link to its page."""

    @display(description=description, ordering=path)
    def show(_admin: Any, row: Any) -> Any:
        return link_to(_reach(row, path))

    return show


def label(
    path: str, description: Any, colours: dict[str, str], *, words: dict[str, Any] | None = None, **options: Any
) -> Column:
    """A choice in its own words or in these, on the colour of its value."""

    @display(description=description, ordering=options.pop("ordering", path), **options)
    def show(_admin: Any, row: Any) -> SafeString:
        value = getattr(row, path)
        text = words[value] if words else getattr(row, f"get_{path}_display")()
        return _chip(str(text), colours.get(value, ""))

    return show


@lru_cache(maxsize=500)
def _chip(text: str, colour: str) -> SafeString:
    """Kept: it takes the theme a template, and the rows of a list share a few of them."""
    return SafeString(display_for_label(("", text), "", {"": colour}))


def link_to(row: Model | None, text: str = "") -> Any:
    if row is None:
        return None
    address = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
    return format_html('<a href="{}">{}</a>', address, text or str(row))


def listed(model: str, text: Any, **filters: Any) -> Any:
    """A link to a filtered list, such as `listed("jobs_job", _("Videos"), team=3)`."""
    query = "&".join(f"{name}={value}" for name, value in filters.items())
    return format_html('<a href="{}?{}">{}</a>', reverse(f"admin:{model}_changelist"), query, text)


def ago(moment: datetime | None) -> str | None:
    return None if moment is None else _("%(time)s ago") % {"time": timesince(moment, timezone.now(), depth=1)}
