"""Admin actions: on one row from its page, on many from the list, always after a confirmation page.

An action calls a service for each row. If the service raises an error for a row, the page shows it, and the action
continues with the other rows.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog
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
from accounts.auth.form_nonce import refused, submit_once
from accounts.models import Team
from common.errors import internal_error
from jobs.api.errors import as_mutoscope_error

log = structlog.get_logger(__name__)

# A list's "select all" may mean a million rows, too many for one request. Such an action does not start.
MAX_ROWS = 1000


class ReasonForm(forms.Form):
    """Asks for the reason, which the ledger and the audit log record."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"] = forms.CharField(
            label=_("Reason"), max_length=200, strip=True, widget=UnfoldAdminTextInputWidget
        )


@dataclass(frozen=True, kw_only=True)
class AdminAction:
    """An action on a row.

    - `handler`: called with the request, the row and the fields of `form`. Returns whether it changed anything.
    - `permission`: required to run it, such as `jobs.change_job`.
    - `applies_to`: whether the page of a row offers it.
    - `allow_bulk`: whether the list offers it for many rows.
    - `success_url`: where to go afterwards, instead of the page of the row or the list.
    """

    name: str
    label: Any
    explanation: Any
    permission: str
    handler: Callable[..., bool]
    icon: str = "check"
    form: type[forms.Form] = forms.Form
    is_destructive: bool = False
    allow_bulk: bool = True
    applies_to: Callable[[Any], bool] = field(default=lambda _row: True)
    success_url: str = ""


class ActionsMixin:
    """Adds the `admin_actions` of an admin class to its pages."""

    admin_actions: tuple[AdminAction, ...] = ()
    model: type[Model]
    opts: Any
    admin_site: Any
    actions_detail: Any
    log_change: Callable[..., Any]
    get_queryset: Callable[[HttpRequest], QuerySet[Model]]

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        for action in self.admin_actions:
            setattr(self, action.name, self._action_view(action))
        self.actions_detail = [action.name for action in self.admin_actions]

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Return the actions of the list: Unfold's confirmation handles single rows only."""
        return {
            action.name: (partial(_run_from_changelist, action), action.name, action.label)
            for action in self.admin_actions
            if action.allow_bulk and _has_permission(request, action)
        }

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        row = self.get_object(request, object_id)  # type: ignore[attr-defined] # ModelAdmin's
        applicable = {
            action.name
            for action in self.admin_actions
            if row is not None and action.applies_to(row) and _has_permission(request, action)
        }
        buttons = super().get_actions_detail(request, object_id)  # type: ignore[misc] # Unfold's
        return [button for button in buttons if button.path in applicable]

    def _action_view(self, action: AdminAction) -> Callable[..., HttpResponseBase]:
        """Return the view of an action on one row, with the attributes that Unfold reads from it."""

        def view(request: HttpRequest, object_id: str) -> HttpResponseBase:
            if not _has_permission(request, action):
                raise PermissionDenied
            row = self.get_object(request, object_id)  # type: ignore[attr-defined]
            if row is None:
                return redirect(self._changelist_url())
            return self.confirm(request, action, [row])

        attributes = {
            "short_description": action.label,
            "url_path": action.name,
            "icon": action.icon,
            "attrs": {},
            "variant": ActionVariant.DANGER if action.is_destructive else ActionVariant.DEFAULT,
            "original_function_name": action.name,
        }
        for name, value in attributes.items():
            setattr(view, name, value)
        return view

    def confirm(
        self, request: HttpRequest, action: AdminAction, rows: list[Any], *, selection: bool = False
    ) -> HttpResponseBase:
        """Return the confirmation page; run the action once the page is confirmed."""
        form = action.form(request.POST if "decided" in request.POST else None)
        # A form without fields is valid as soon as it is bound.
        if form.is_bound and form.is_valid():
            row_url = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[rows[0].pk])
            url = action.success_url or (self._changelist_url() if selection else row_url)

            def run() -> HttpResponseBase:
                is_done = self._run(request, action, rows, form.cleaned_data)
                return redirect(url) if is_done else refused(redirect(url))

            return submit_once(request, request.user.pk, run)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": action.label,
            "action": action,
            "form": form,
            "rows": rows,
            "back": self._changelist_url(),
            "selected": [row.pk for row in rows] if selection else [],
            "checkbox": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/action_confirmation.html", context)

    def _run(self, request: HttpRequest, action: AdminAction, rows: list[Any], form_data: dict[str, Any]) -> bool:
        """Run the action on each row. Return whether any row changed."""
        done = 0
        for row in rows:
            try:
                with transaction.atomic():
                    changed = action.handler(request, row, **form_data)
                    if changed:
                        self._log_action(request, action, row, form_data)
            except Exception as error:
                # If it were raised, the form could be sent again and would repeat the rows that are done.
                if (client_error := as_mutoscope_error(error)) is None:
                    log.exception("admin_action_failed", action=action.name, target=str(row.pk))
                    client_error = internal_error()
                messages.error(request, f"{row}: {client_error.localized()}")
                continue
            done += changed
            if not changed:
                messages.info(request, _("%(row)s: nothing to change.") % {"row": row})
        if done:
            text = ngettext("%(action)s: %(count)s row changed.", "%(action)s: %(count)s rows changed.", done)
            messages.success(request, text % {"action": action.label, "count": done})
        return done > 0

    def _log_action(self, request: HttpRequest, action: AdminAction, row: Any, form_data: dict[str, Any]) -> None:
        """Record the action in the row's history and in the audit log, whose triggers do not know the reason."""
        self.log_change(request, row, _log_message(action, form_data))
        details: dict[str, Any] = {
            name: value if isinstance(value, int) else str(value) for name, value in form_data.items()
        }
        team = row if isinstance(row, Team) else getattr(row, "team", None)
        record(Verb.ADMIN_ACTION, team=team, target=row, action=action.name, **details)

    def _changelist_url(self) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")


def _has_permission(request: HttpRequest, action: AdminAction) -> bool:
    return bool(request.user.has_perm(action.permission))


def _run_from_changelist(
    action: AdminAction, admin: ActionsMixin, request: HttpRequest, queryset: QuerySet[Model]
) -> HttpResponse | None:
    rows = list(queryset[: MAX_ROWS + 1])
    if len(rows) > MAX_ROWS:
        messages.error(request, _("Select at most %(count)s rows at a time.") % {"count": MAX_ROWS})
        return None
    if not rows:
        return None
    return admin.confirm(request, action, rows, selection=True)  # type: ignore[return-value]


def _log_message(action: AdminAction, form_data: dict[str, Any]) -> str:
    details = ", ".join(f"{name}: {value}" for name, value in form_data.items())
    return f"{action.label} ({details})" if details else str(action.label)
