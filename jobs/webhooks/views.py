"""The pages of webhooks: a list, and a page with the deliveries and actions of one."""

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.auth.decorators import team_member_required
from accounts.auth.form_nonce import refused
from accounts.auth.impersonation import Access, impersonation
from accounts.auth.principals import Principal
from accounts.roles import Scope
from common.errors import Conflict, NotFound
from common.pagination import KeysetPaginator
from jobs.api.field_errors import message_of
from jobs.webhooks.models import FINISHED_KINDS, Delivery, Endpoint
from jobs.webhooks.selectors import find_delivery, find_endpoint
from jobs.webhooks.serializers import SUBSCRIBABLE_EVENTS, NewWebhookSerializer
from jobs.webhooks.services import create_endpoint, delete_endpoint, ping, redeliver, rotate_secret, update_endpoint

_OVERLAP = timedelta(hours=24)
_DELIVERIES_PER_PAGE = 30


@impersonation(Access.NONE)
@require_http_methods(["GET", "HEAD", "POST"])
@team_member_required(Scope.WEBHOOKS_MANAGE)
def webhooks(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    """List the team's webhooks; create one from the form."""
    form_data = {"url": "", "description": "", "events": [kind.value for kind in FINISHED_KINDS]}
    errors: dict[str, Any] = {}
    if request.method == "POST":
        form_data = {
            "url": request.POST.get("url", "").strip(),
            "description": request.POST.get("description", ""),
            "events": request.POST.getlist("events"),
        }
        form = NewWebhookSerializer(data=form_data)
        if form.is_valid():
            return _create(request, principal, form.validated_data)
        errors = form.errors
    context = {
        "endpoints": Endpoint.objects.visible(principal.team).order_by("-id"),
        "form_data": form_data,
        "errors": {name: _first_message(field_errors) for name, field_errors in errors.items()},
        "event_types": SUBSCRIBABLE_EVENTS,
    }
    return render(request, "webhooks/webhooks.html", context, status=422 if errors else 200)


def _first_message(field_errors: Any) -> str:
    """Return the first error of a field, localized. Errors of a list field are grouped by the index of the entry."""
    first = next(iter(field_errors.values()))[0] if isinstance(field_errors, dict) else field_errors[0]
    return message_of(first).localized()


def _create(request: HttpRequest, principal: Principal, values: dict[str, Any]) -> HttpResponseBase:
    try:
        endpoint = create_endpoint(
            team=principal.team,
            creator=principal.user,
            url=values["url"],
            kinds=values["events"],
            description=values.get("description", ""),
        )
    except Conflict as error:
        messages.error(request, error.localized())
        return refused(redirect("webhooks"))
    return _render_webhook(request, endpoint, secret=endpoint.secret, status=201)


@impersonation(Access.NONE)
@require_safe
@team_member_required(Scope.WEBHOOKS_MANAGE)
def webhook(request: HttpRequest, principal: Principal, webhook_id: str) -> HttpResponseBase:
    """Show one webhook and its deliveries, newest first."""
    return _render_webhook(request, find_endpoint(principal.team, webhook_id))


@impersonation(Access.NONE)
@require_POST
@team_member_required(Scope.WEBHOOKS_MANAGE)
def webhook_action(request: HttpRequest, principal: Principal, webhook_id: str, action: str) -> HttpResponseBase:
    """Perform the action of a button; the next page shows its result."""
    endpoint = find_endpoint(principal.team, webhook_id)
    if action == "rotate":
        return _render_webhook(
            request, endpoint := rotate_secret(endpoint=endpoint, overlap=_OVERLAP), secret=endpoint.secret
        )
    try:
        if not _perform(request, endpoint, action):
            raise NotFound("There is no such action.")
    except Conflict as error:
        messages.error(request, error.localized())
        return refused(redirect("webhook", webhook_id))
    return redirect("webhooks") if action == "delete" else redirect("webhook", webhook_id)


def _perform(request: HttpRequest, endpoint: Endpoint, action: str) -> bool:
    match action:
        case "ping":
            ping(endpoint=endpoint)
            messages.success(request, _("A test event is being sent. The response will appear below."))
        case "redeliver":
            redeliver(delivery=find_delivery(endpoint, request.POST.get("delivery", "")))
            messages.success(request, _("The event will be sent again."))
        case "enable" | "disable":
            update_endpoint(endpoint=endpoint, changes={"enabled": action == "enable"})
            is_enabled = action == "enable"
            messages.success(request, _("The webhook was enabled.") if is_enabled else _("The webhook was disabled."))
        case "delete":
            delete_endpoint(endpoint=endpoint)
            messages.success(request, _("The webhook was deleted."))
        case _:
            return False
    return True


def _render_webhook(
    request: HttpRequest, endpoint: Endpoint, *, secret: str = "", status: int = 200
) -> HttpResponseBase:
    rows = endpoint.deliveries.select_related("job").prefetch_related("attempts")
    deliveries = KeysetPaginator(rows, _DELIVERIES_PER_PAGE, prefix="dlv").get_page().rows
    context = {
        "endpoint": endpoint,
        "deliveries": deliveries,
        # The page polls only until the newest events were attempted: later attempts are minutes apart.
        "should_poll": any(row.state == Delivery.State.PENDING and not row.tries for row in deliveries),
        "secret": secret,
    }
    return render(request, "webhooks/webhook.html", context, status=status)
