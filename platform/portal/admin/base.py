"""Base classes of the admin: rows cannot be added, changed or deleted unless a class allows it."""

import json
from functools import partial
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.functional import cached_property
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import display

from accounts.auth.form_nonce import submit_once
from portal.admin.actions import ActionsMixin
from portal.admin.changelist import CachedChangeList, row_checkbox
from portal.admin.columns import ColumnsMixin

# The lookups of Django's filters and of links to filtered lists.
_LOOKUPS = frozenset({"exact", "id__exact", "gte", "gt", "lt", "lte", "isnull", "isempty"})
# Tables with more rows than this are not counted.
_MAX_COUNTED_ROWS = 20_000


class EstimatedPaginator(Paginator):  # type: ignore[type-arg] # of any rows
    """Paginator for tables of perhaps a million rows: a large number of rows is the query planner's estimate."""

    @cached_property
    def count(self) -> int:
        plan = self.object_list.order_by().explain(format="json")  # type: ignore[attr-defined] # a QuerySet
        # Empty if Django knows without a query that there are no rows.
        estimate = json.loads(plan)[0]["Plan"]["Plan Rows"] if plan else 0
        return estimate if estimate > _MAX_COUNTED_ROWS else super().count


class BaseAdmin(ColumnsMixin, ActionsMixin, ModelAdmin):
    """Shows rows; changes go through admin actions."""

    list_per_page = 25
    list_fullwidth = True
    show_full_result_count = False
    compressed_fields = False
    warn_unsaved_form = True
    # Credits or history refer to nearly every row.
    may_add = False
    may_change = False
    may_delete = False

    @display(description=ModelAdmin.action_checkbox.short_description)
    def action_checkbox(self, obj: Any) -> SafeString:
        return row_checkbox(obj.pk)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Return whether a URL may filter by this: only by the filters of the page, and by the team.

        Django allows every column of the row: an administrator who may see the list of users could read the hashes of
        their passwords letter by letter.
        """
        filters = [each[0] if isinstance(each, tuple) else each for each in self.get_list_filter(request)]
        allowed = {each if isinstance(each, str) else each.parameter_name for each in filters} | {"team"}
        return any(lookup == name or lookup.removeprefix(f"{name}__") in _LOOKUPS for name in allowed)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[CachedChangeList]:
        return CachedChangeList

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        respond = partial(self._add_response, request, *args, **kwargs)
        return submit_once(request, request.user.pk, respond)

    def _add_response(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Return Django's response, with status 422 if the form has errors: it may be submitted again."""
        response: HttpResponseBase = super().add_view(request, *args, **kwargs)
        if (getattr(response, "context_data", None) or {}).get("errors"):
            response.status_code = 422
        return response

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.may_add and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may_change and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may_delete and super().has_delete_permission(request, obj)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        name = f"{self.opts.app_label}.view_{self.opts.model_name}"
        return bool(request.user.has_perm(name)) or super().has_view_permission(request, obj)


class ReadOnlyInline(ColumnsMixin, TabularInline):
    """Shows the rows of a related table on a row's page."""

    extra = 0
    max_num = 0
    can_delete = False
    tab = True
    ordering = ["-id"]
    show_change_link = True
    per_page = 20

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
