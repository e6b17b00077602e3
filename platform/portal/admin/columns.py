"""Columns of lists and fields of pages that are more than a model field: links, badges, fields of related rows."""

from datetime import datetime
from functools import lru_cache
from typing import Any

from django.contrib.admin.utils import get_fields_from_path
from django.db.models import ForeignObjectRel, Model
from django.db.models.constants import LOOKUP_SEP
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from unfold.decorators import display
from unfold.utils import display_for_label

# A display function of Django's admin, called with a row.
Column = Any


class ColumnsMixin:
    """Adds columns for the declared fields, labelled with the fields' verbose names.

    - `link_fields`: `team` adds `team_link`, the related row as a link to its page.
    - `badge_fields`: `{"state": colors}` adds `state_badge`, the label of a choice on the color of its value.
    - `related_fields`: `wallet__balance` becomes a column of that name. Django knows such paths in `list_display` only.

    `ordering_fields` sorts a column by another field: `{"created_at": "id"}` where only the id has an index.
    """

    model: type[Model]
    link_fields: tuple[str, ...] = ()
    badge_fields: dict[str, dict[str, str]] = {}
    related_fields: tuple[str, ...] = ()
    ordering_fields: dict[str, str] = {}

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        for path in self.link_fields:
            setattr(self, f"{path}_link", _link_column(self.model, path))
        for name, colors in self.badge_fields.items():
            setattr(self, f"{name}_badge", _badge_column(self.model, name, colors))
        for path in self.related_fields:
            setattr(self, path, _related_column(self.model, path))


def _link_column(model: type[Model], path: str) -> Column:
    @display(description=_verbose_name(model, path), ordering=path)
    def column(row: Model) -> Any:
        return object_link(_resolve_path(row, path))

    return column


def _badge_column(model: type[Model], name: str, colors: dict[str, str]) -> Column:
    @display(description=_verbose_name(model, name), ordering=name)
    def column(row: Model) -> SafeString:
        return badge(str(getattr(row, f"get_{name}_display")()), colors.get(getattr(row, name), ""))

    return column


def _related_column(model: type[Model], path: str) -> Column:
    @display(description=_verbose_name(model, path), ordering=path)
    def column(row: Model) -> Any:
        return _resolve_path(row, path)

    return column


def _verbose_name(model: type[Model], path: str) -> Any:
    field = get_fields_from_path(model, path)[-1]
    return field.related_model._meta.verbose_name if isinstance(field, ForeignObjectRel) else field.verbose_name


def _resolve_path(row: Any, path: str) -> Any:
    for name in path.split(LOOKUP_SEP):
        row = getattr(row, name, None)
    return row


@lru_cache(maxsize=500)
def badge(text: str, color: str) -> SafeString:
    """Cached: Unfold renders a template for each badge, and the rows of a list share a few of them."""
    return SafeString(display_for_label(("", text), "", {"": color}))


def object_link(row: Model | None) -> SafeString | None:
    if row is None:
        return None
    url = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
    return format_html('<a href="{}">{}</a>', url, row)


def changelist_link(model: str, text: Any, **filters: Any) -> SafeString:
    """Return a link to a filtered list, such as `changelist_link("jobs_job", _("Videos"), team__id__exact=3)`."""
    query = "&".join(f"{name}={value}" for name, value in filters.items())
    return format_html('<a href="{}?{}">{}</a>', reverse(f"admin:{model}_changelist"), query, text)


def time_ago(moment: datetime | None) -> str | None:
    return None if moment is None else _("%(time)s ago") % {"time": timesince(moment, timezone.now(), depth=1)}
