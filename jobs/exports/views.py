"""The page where people request an export of their data, and the download."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import cast

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.files import File
from django.core.files.storage import default_storage
from django.core.handlers.asgi import ASGIRequest
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.models import User
from common.errors import Conflict
from jobs.exports.models import Export
from jobs.exports.services import request_export

_CHUNK_BYTES = 1 << 16


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
    try:
        file = default_storage.open(export.file_key)
    except FileNotFoundError:
        raise Http404(_("The file no longer exists.")) from None
    # Under ASGI, Django reads a synchronous file completely before it sends the first byte; under WSGI, an
    # asynchronous one.
    response = StreamingHttpResponse(_chunks(file)) if isinstance(request, ASGIRequest) else FileResponse(file)
    response["Content-Type"] = "application/zip"
    response["Content-Length"] = str(export.size_bytes)
    response["Content-Disposition"] = f'attachment; filename="mutoscope-{export.created_at:%Y-%m-%d}.zip"'
    return response


async def _chunks(file: "File[bytes]") -> AsyncIterator[bytes]:
    try:
        while chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES):
            yield chunk
    finally:
        file.close()
