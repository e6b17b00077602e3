"""The pages of batches: a list, and a page that shows the progress of one."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.auth.decorators import team_member_required
from accounts.auth.htmx import is_htmx
from accounts.auth.impersonation import Access, impersonation
from accounts.auth.principals import Principal
from accounts.roles import Scope
from common.errors import Conflict
from common.messages import Message
from common.pagination import KeysetPaginator
from jobs.batches.api import results_response
from jobs.batches.models import Batch
from jobs.batches.progress import eta_seconds, progress_of_batch, progress_of_batches, status_of
from jobs.batches.selectors import find_batch
from jobs.batches.services import cancel_batch

_BATCHES_PER_PAGE, _ITEMS_PER_PAGE = 20, 50


@require_safe
@team_member_required(Scope.VIDEOS_READ)
def batches(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    """List the team's batches, newest first."""
    paginator = KeysetPaginator(Batch.objects.for_team(principal.team), _BATCHES_PER_PAGE, prefix="batch")
    page = paginator.get_page(request.GET.get("after"))
    progress = progress_of_batches(page.rows)
    context = {
        "rows": [(batch, progress[batch.pk]) for batch in page.rows],
        "more_after": page.next_after,
    }
    return render(request, "batches/batches.html", context)


@require_safe
@team_member_required(Scope.VIDEOS_READ)
def batch(request: HttpRequest, principal: Principal, batch_id: str) -> HttpResponseBase:
    """Show one batch and its items; for htmx, the progress and the rows whose status differs from `seen`."""
    batch = find_batch(principal.team, batch_id)
    if is_htmx(request) and batch.is_finished:  # the buttons change, too
        return HttpResponse(headers={"HX-Refresh": "true"})
    after, seen, had_more = (request.GET.get(name, "") for name in ("after", "seen", "more"))
    rows, more_after = _items(batch, after)
    statuses = ",".join(row["status"] for row in rows)
    context: dict[str, Any] = {
        "batch": batch,
        "progress": progress_of_batch(batch),
        "eta_seconds": None if batch.is_finished else eta_seconds(batch),
        "may_write": Scope.VIDEOS_WRITE in principal.scopes,
        "items": rows,
        "more_after": more_after,
        "poll_query": urlencode({"after": after, "seen": statuses, "more": "1" if more_after else ""}),
    }
    if not is_htmx(request):
        return render(request, "batches/batch.html", context)
    previous = seen.split(",") if seen else []
    # Items are in the order in which they were accepted: new ones are at the end.
    context["changed_rows"] = [row for row, old in zip(rows, previous, strict=False) if row["status"] != old]
    context["added_rows"] = rows[len(previous) :]
    context["has_new_page"] = more_after and not had_more
    return render(request, "batches/poll.html", context)


def _items(batch: Batch, after: str) -> tuple[list[dict[str, Any]], str]:
    """Return the rows of one page, and the item after which the next page starts."""
    items = batch.items.select_related("job")
    page = KeysetPaginator(items, _ITEMS_PER_PAGE, prefix="item", newest_first=False).get_page(after)
    rows = [
        {
            "item": item,
            "status": status_of(item),
            "error_text": Message.from_json(item.error["message"]).localized() if item.error else "",
        }
        for item in page.rows
    ]
    return rows, page.next_after


@impersonation(Access.WRITE)
@require_POST
@team_member_required(Scope.VIDEOS_WRITE)
def cancel(request: HttpRequest, principal: Principal, batch_id: str) -> HttpResponseBase:
    """Cancel a batch."""
    cancel_batch(batch=find_batch(principal.team, batch_id))
    messages.success(request, _("The batch was canceled. Completed videos remain."))
    return redirect("batch", batch_id)


@impersonation(Access.NONE)
@require_safe
@team_member_required(Scope.VIDEOS_READ)
def results(request: HttpRequest, principal: Principal, batch_id: str) -> HttpResponseBase:
    """Download the zip with the completed videos."""
    try:
        return results_response(request, find_batch(principal.team, batch_id))
    except Conflict as error:
        messages.info(request, error.localized())
        return redirect("batch", batch_id)
