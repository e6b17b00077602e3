"""The page of a video, with its progress or its player, and the actions cancel and delete."""

import io
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe
from PIL import Image

from accounts.auth.decorators import team_member_required
from accounts.auth.htmx import is_htmx
from accounts.auth.impersonation import Access, impersonation
from accounts.auth.principals import Principal
from accounts.roles import Scope
from common.errors import NotFound
from inference.models.catalogue import MODELS
from inference.models.sizes import nearest_aspect_ratio
from jobs.models import Job
from jobs.queue.cancel import cancel_job, delete_job
from jobs.queue.eta import estimate_wait
from jobs.states import State
from jobs.storage.files import SourceImageMissing, load_last_image, load_source_image
from jobs.videos.selectors import find_video
from jobs.videos.views.extension_form import extension_form
from jobs.videos.views.presets import preset_title_of

# The image behind the progress of a running job, and the previews of "make another".
_IMAGE_MAX_SIDE, _IMAGE_JPEG_QUALITY = 1024, 85


def card_context(jobs: Iterable[Job]) -> list[dict[str, Any]]:
    """Return the context of the cards of these jobs."""
    return [
        {
            "job": job,
            "aspect": nearest_aspect_ratio(job.width, job.height),
            "has_video": job.state == State.COMPLETED and not job.is_gone,
            "has_image": job.has_image and not job.is_gone,
        }
        for job in jobs
    ]


@require_safe
@team_member_required(Scope.VIDEOS_READ)
def video(request: HttpRequest, principal: Principal, video_id: str) -> HttpResponseBase:
    return render(request, "jobs/video.html", video_context(principal, find_video(principal.team, video_id)))


@require_safe
@team_member_required(Scope.VIDEOS_READ)
def progress(request: HttpRequest, principal: Principal, video_id: str) -> HttpResponseBase:
    """Show the progress of a running job, polled about every second; the whole content once the job has finished."""
    job = find_video(principal.team, video_id)
    return _render_progress(request, video_context(principal, job) | {"seen": request.GET.get("seen", "")})


@impersonation(Access.WRITE)
@require_POST
@team_member_required(Scope.VIDEOS_WRITE)
def cancel(request: HttpRequest, principal: Principal, video_id: str) -> HttpResponseBase:
    job = find_video(principal.team, video_id)
    cancel_job(job=job)
    if not is_htmx(request):
        return redirect("video", video_id)
    job.refresh_from_db()
    return _render_progress(request, video_context(principal, job))


@require_POST
@team_member_required(Scope.VIDEOS_DELETE)
def delete(request: HttpRequest, principal: Principal, video_id: str) -> HttpResponseBase:
    delete_job(job=find_video(principal.team, video_id))
    messages.success(request, _("The video was deleted."))
    return redirect("history")


@require_safe
@team_member_required(Scope.VIDEOS_READ)
def picture(request: HttpRequest, principal: Principal, video_id: str) -> HttpResponseBase:
    """Return the source image of a video at the size of a preview."""
    return _picture_response(find_video(principal.team, video_id), load_source_image)


@require_safe
@team_member_required(Scope.VIDEOS_READ)
def last_picture(request: HttpRequest, principal: Principal, video_id: str) -> HttpResponseBase:
    """Do the same for the last image."""
    return _picture_response(find_video(principal.team, video_id), load_last_image)


def _picture_response(job: Job, load: Callable[[Job], bytes]) -> HttpResponse:
    try:
        png = load(job)
    except SourceImageMissing as error:
        raise NotFound(error.text) from None
    with Image.open(io.BytesIO(png)) as image:
        image.thumbnail((_IMAGE_MAX_SIDE, _IMAGE_MAX_SIDE))
        buffer = io.BytesIO()
        image.convert("RGB").save(buffer, "JPEG", quality=_IMAGE_JPEG_QUALITY)
    response = HttpResponse(buffer.getvalue(), content_type="image/jpeg")
    response["Cache-Control"] = "private, max-age=86400, immutable"
    return response


def _render_progress(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    if not context["job"].is_finished:
        return render(request, "jobs/video_progress.html", context)
    response = render(request, "jobs/video_finished.html", context)
    response["HX-Retarget"] = "#video"
    response["HX-Reswap"] = "outerHTML"
    return response


def video_context(principal: Principal, job: Job) -> dict[str, Any]:
    """Return the context of the page of a video."""
    descriptor = MODELS.get(job.model)
    processing_time: timedelta | None = None
    if job.started_at and job.finished_at:
        processing_time = job.finished_at - job.started_at
    return {
        "job": job,
        "aspect": nearest_aspect_ratio(job.width, job.height),
        "model_title": descriptor.title if descriptor else job.model,
        "preset_title": preset_title_of(job),
        "failure_message": job.error.localized() if job.error else "",
        "warnings": [warning.localized() for warning in job.warning_messages],
        "queue_estimate": None if job.is_finished else estimate_wait(job),
        "files_expired": job.state == State.COMPLETED and job.is_gone,
        "processing_seconds": processing_time.total_seconds() if processing_time else None,
        "extends": _extended_video(principal, job),
        "extension_form": extension_form(job) if Scope.VIDEOS_WRITE in principal.scopes else None,
        "may_write": Scope.VIDEOS_WRITE in principal.scopes,
        "may_delete": Scope.VIDEOS_DELETE in principal.scopes,
    }


def _extended_video(principal: Principal, job: Job) -> Job | None:
    """Return the video that this one continues, or None if there is none any more."""
    return Job.objects.for_team(principal.team).filter(pk=job.extends).first() if job.extends else None
