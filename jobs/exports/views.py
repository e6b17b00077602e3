"""The page where people request an export of their data, and the download."""

import uuid
from typing import cast

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.models import User
from common.errors import Conflict
from common.streaming import StreamedResponse
from jobs.exports.models import Export
from jobs.exports.services import request_export
from jobs.storage.files import file_chunks, translate_storage_errors


@require_safe
@never_cache
@login_required
def data(request: HttpRequest) -> HttpResponse:
    """Show the state of the latest export."""
    export = Export.objects.filter(user=cast("User", request.user)).order_by("-created_at").first()
    return render(request, "exports/data.html", {"export": export})


@require_POST
@login_required
@reauthentication_required  # type: ignore[untyped-decorator]
def create_export(request: HttpRequest) -> HttpResponse:
    """Queue an export."""
    try:
        request_export(user=cast("User", request.user))
    except Conflict as error:
        messages.info(request, error.localized())
    return redirect("account_data")


@require_safe
@never_cache
@login_required
@reauthentication_required  # type: ignore[untyped-decorator]
def download(request: HttpRequest, export_id: uuid.UUID) -> HttpResponseBase:
    """Download the file. Return 404 for other people, and if the export has expired."""
    ready = Export.objects.filter(state=Export.State.READY, expires_at__gt=timezone.now())
    export = get_object_or_404(ready, pk=export_id, user=cast("User", request.user))
    filename = f"mutoscope-{export.created_at:%Y-%m-%d}.zip"
    headers = {
        "Content-Length": str(export.size_bytes),
        "Content-Disposition": str(content_disposition_header(True, filename)),
    }
    chunks = file_chunks(export.file_key, 0, export.size_bytes or 0)
    with translate_storage_errors(missing=Http404(_("The file no longer exists."))):
        return StreamedResponse(request, chunks, content_type="application/zip", headers=headers)
