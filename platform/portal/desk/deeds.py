"""What an administrator does to rows: from a row's page to one, from the list to many, always asked on a page first.

A deed calls a service; what the service refuses is told row by row, and the rows before and after it are done.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.audit.models import Verb
from accounts.audit.services import record
from accounts.models import Team
from common.errors import MutoscopeError
from jobs.pages.words import translated

# A list's "select all" may mean a million rows: what cannot be done within a request is not begun.
MOST_ROWS = 1000


class Reason(forms.Form):
    """Asks why; ledger and log keep the answer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"] = forms.CharField(
            label=_("Reason"), max_length=200, strip=True, widget=UnfoldAdminTextInputWidget
        )


@dataclass(frozen=True, kw_only=True)
class Deed:
    """do: called with request, row and the form's fields; returns whether anything changed.

    fits: whether the row's page offers it. bulk: whether the list offers it too. permission: as `jobs.change_job`.
    """

    name: str
    label: Any
    explanation: Any
    permission: str
    do: Callable[..., bool]
    icon: str = "check"
    form: type[forms.Form] = forms.Form
    dangerous: bool = False
    bulk: bool = True
    fits: Callable[[Any], bool] = field(default=lambda _row: True)
    leads_to: str = ""


class Deeds:
    """Mixed into an admin class that lists its `deeds`."""

    deeds: tuple[Deed, ...] = ()
    model: type[Model]
    opts: Any
    admin_site: Any
    actions_detail: Any
    log_change: Callable[..., Any]
    get_queryset: Callable[[HttpRequest], QuerySet[Model]]

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        for deed in self.deeds:
            setattr(self, deed.name, self._button(deed))
        self.actions_detail = [deed.name for deed in self.deeds]

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """For the list: Unfold's own way of asking knows single rows only."""
        return {
            deed.name: (partial(_from_list, deed), deed.name, deed.label)
            for deed in self.deeds
            if deed.bulk and _may(request, deed)
        }

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        row = self.get_object(request, object_id)  # type: ignore[attr-defined] # ModelAdmin's
        fitting = {deed.name for deed in self.deeds if row is not None and deed.fits(row) and _may(request, deed)}
        buttons = super().get_actions_detail(request, object_id)  # type: ignore[misc] # Unfold's
        return [button for button in buttons if button.path in fitting]

    def _button(self, deed: Deed) -> Callable[..., HttpResponseBase]:
        """A view below the row's page, with the attributes that Unfold reads off its actions."""

        def view(request: HttpRequest, object_id: str) -> HttpResponseBase:
            if not _may(request, deed):
                raise PermissionDenied
            row = self.get_object(request, object_id)  # type: ignore[attr-defined]
            if row is None:
                return redirect(self._list_address())
            return self.ask(request, deed, [row])

        facts = {
            "short_description": deed.label,
            "url_path": deed.name,
            "icon": deed.icon,
            "attrs": {},
            "variant": ActionVariant.DANGER if deed.dangerous else ActionVariant.DEFAULT,
            "original_function_name": deed.name,
        }
        for name, value in facts.items():
            setattr(view, name, value)
        return view

    def ask(self, request: HttpRequest, deed: Deed, rows: list[Any], *, selection: bool = False) -> HttpResponseBase:
        """The page that asks, and after its answer the deed."""
        form = deed.form(request.POST if "decided" in request.POST else None)
        # A form without fields is valid as soon as it was sent.
        if form.is_bound and form.is_valid():
            self._do(request, deed, rows, form.cleaned_data)
            one = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[rows[0].pk])
            return redirect(deed.leads_to or (self._list_address() if selection else one))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": deed.label,
            "deed": deed,
            "form": form,
            "rows": rows,
            "back": self._list_address(),
            "selected": [row.pk for row in rows] if selection else [],
            "checkbox": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/deed.html", context)

    def _do(self, request: HttpRequest, deed: Deed, rows: list[Any], answers: dict[str, Any]) -> None:
        done = 0
        for row in rows:
            try:
                with transaction.atomic():
                    changed = deed.do(request, row, **answers)
                    if changed:
                        self._note(request, deed, row, answers)
            except MutoscopeError as error:
                messages.error(request, f"{row}: {translated(error.message, code=error.code)}")
                continue
            done += changed
            if not changed:
                messages.info(request, _("%(row)s: nothing to change.") % {"row": row})
        if done:
            text = ngettext("%(deed)s: done for %(count)s.", "%(deed)s: done for %(count)s.", done)
            messages.success(request, text % {"deed": deed.label, "count": done})

    def _note(self, request: HttpRequest, deed: Deed, row: Any, answers: dict[str, Any]) -> None:
        """In the row's history, and in the audit log: its triggers see what changed, but not why."""
        self.log_change(request, row, _log_message(deed, answers))
        said: dict[str, Any] = {
            name: value if isinstance(value, int) else str(value) for name, value in answers.items()
        }
        team = row if isinstance(row, Team) else getattr(row, "team", None)
        record(Verb.DEED, team=team, about=row, deed=deed.name, **said)

    def _list_address(self) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")


def _may(request: HttpRequest, deed: Deed) -> bool:
    return bool(request.user.has_perm(deed.permission))


def _from_list(deed: Deed, admin: Deeds, request: HttpRequest, chosen: QuerySet[Model]) -> HttpResponse | None:
    rows = list(chosen[: MOST_ROWS + 1])
    if len(rows) > MOST_ROWS:
        messages.error(request, _("Choose at most %(count)s rows at a time.") % {"count": MOST_ROWS})
        return None
    if not rows:
        return None
    return admin.ask(request, deed, rows, selection=True)  # type: ignore[return-value]


def _log_message(deed: Deed, answers: dict[str, Any]) -> str:
    said = ", ".join(f"{name}: {value}" for name, value in answers.items())
    return f"{deed.label} ({said})" if said else str(deed.label)
