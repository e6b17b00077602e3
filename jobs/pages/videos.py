"""The page of one video: its progress, then the player; cancel and delete."""

import io
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.core.files.storage import default_storage
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe
from PIL import Image

from accounts.pages import is_htmx, team_page
from accounts.principals import Principal
from accounts.roles import Scope
from common.errors import NotFound
from inference.catalogue import MODELS
from inference.sizes import nearest_aspect_ratio
from jobs.models import Job
from jobs.pages.words import PRESET_TITLES, translated
from jobs.services.cancel import cancel_job, delete_job
from jobs.services.lookups import find_video
from jobs.services.queue import describe_wait
from jobs.states import State

# The still behind a running job's progress, and the preview of "make another".
_PICTURE_SIDE, _PICTURE_QUALITY = 1024, 85


def with_looks(jobs: Iterable[Job]) -> list[dict[str, Any]]:
    """Jobs with what a card needs beside them."""
    return [
        {
            "job": job,
            "aspect": nearest_aspect_ratio(job.width, job.height),
            "has_video": job.state == State.COMPLETED and not _is_gone(job),
            "has_picture": job.files_deleted_at is None,
        }
        for job in jobs
    ]


@require_safe
@team_page(Scope.VIDEOS_READ)
def video(request: HttpRequest, principal: Principal, video_id: str) -> HttpResponseBase:
    return render(request, "jobs/video.html", _context(principal, find_video(principal.team, video_id)))


@require_safe
@team_page(Scope.VIDEOS_READ)
def live(request: HttpRequest, principal: Principal, video_id: str) -> HttpResponseBase:
    """The stage of a running job, asked for about once a second; once it is closed, the page's whole content."""
    job = find_video(principal.team, video_id)
    return _answer(request, _context(principal, job) | {"seen": request.GET.get("seen", "")})


@require_POST
@team_page(Scope.VIDEOS_WRITE)
def cancel(request: HttpRequest, principal: Principal, video_id: str) -> HttpResponseBase:
    job = find_video(principal.team, video_id)
    cancel_job(job=job)
    if not is_htmx(request):
        return redirect("video", video_id)
    job.refresh_from_db()
    return _answer(request, _context(principal, job))


@require_POST
@team_page(Scope.VIDEOS_DELETE)
def delete(request: HttpRequest, principal: Principal, video_id: str) -> HttpResponseBase:
    delete_job(job=find_video(principal.team, video_id))
    messages.success(request, _("The video is deleted."))
    return redirect("history")


@require_safe
@team_page(Scope.VIDEOS_READ)
def picture(request: HttpRequest, principal: Principal, video_id: str) -> HttpResponseBase:
    """The still that the video is made from, at the size of a preview."""
    job = find_video(principal.team, video_id)
    try:
        with default_storage.open(job.source_key) as file, Image.open(file) as image:
            image.thumbnail((_PICTURE_SIDE, _PICTURE_SIDE))
            buffer = io.BytesIO()
            image.convert("RGB").save(buffer, "JPEG", quality=_PICTURE_QUALITY)
    except FileNotFoundError:
        raise NotFound("The picture is not there any more.") from None
    response = HttpResponse(buffer.getvalue(), content_type="image/jpeg")
    response["Cache-Control"] = "private, max-age=86400, immutable"
    return response


def _is_gone(job: Job) -> bool:
    """Whether the result has outlived its retention."""
    past = job.expires_at is not None and job.expires_at <= timezone.now()
    return past or job.files_deleted_at is not None


def _answer(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    if not context["job"].is_terminal:
        return render(request, "jobs/video_live.html", context)
    response = render(request, "jobs/video_closed.html", context)
    response["HX-Retarget"] = "#video"
    response["HX-Reswap"] = "outerHTML"
    return response


def _context(principal: Principal, job: Job) -> dict[str, Any]:
    spec = MODELS.get(job.model)
    took: timedelta | None = None
    if job.started_at and job.finished_at:
        took = job.finished_at - job.started_at
    return {
        "job": job,
        "aspect": nearest_aspect_ratio(job.width, job.height),
        "model_title": spec.title if spec else job.model,
        "preset_title": PRESET_TITLES.get(job.preset, job.preset),
        "failure": translated(job.error_message, code=job.error_code),
        "warnings": [translated(warning) for warning in job.warnings],
        "wait": None if job.is_terminal else describe_wait(job),
        "is_gone": job.state == State.COMPLETED and _is_gone(job),
        "took_seconds": took.total_seconds() if took else None,
        "may_write": Scope.VIDEOS_WRITE in principal.scopes,
        "may_delete": Scope.VIDEOS_DELETE in principal.scopes,
    }
