"""Columns and facts of the desk's tables: with a translated name, and links to what they are about."""

from collections import defaultdict
from datetime import datetime
from typing import Any

from django.db.models import Model
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import localize
from django.utils.html import format_html
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from unfold.decorators import display

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


def label(path: str, description: Any, colours: dict[str, str]) -> Column:
    """A choice in its own words, on the colour of its value."""
    # Of a value without a colour the theme would print the stored name.
    colour_of = defaultdict(str, colours)

    @display(description=description, ordering=path, label=colour_of)
    def show(_admin: Any, row: Any) -> tuple[str, str]:
        return getattr(row, path), getattr(row, f"get_{path}_display")()

    return show


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
