"""The bytes of a video: with Range and ETag, or by a signed link without a key."""

import hashlib
from typing import Any

from django.conf import settings
from django.core import signing
from django.core.files.storage import default_storage
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.cache import get_conditional_response
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView
from werkzeug.http import parse_range_header

from accounts import tenancy
from accounts.roles import Scope
from common.errors import Conflict, Gone, NotFound, Unauthenticated
from jobs.api.authentication import principal_of
from jobs.api.permissions import HasScope
from jobs.api.schema import ERRORS
from jobs.api.videos import checked_body
from jobs.models import Job
from jobs.services.lookups import find_video
from jobs.services.storage import mime_type
from jobs.states import State

_SALT = "video-download"


def download_link(request: HttpRequest, job: Job) -> str:
    """An address that gives the video to anyone who has it, for DOWNLOAD_LINK_SECONDS."""
    token = signing.dumps(f"{job.team_id}/{job.public_id}", salt=_SALT)
    return request.build_absolute_uri(f"{reverse('api:video-content', args=[job.public_id])}?token={token}")


def _job_of_token(token: str, video_id: str) -> Job:
    try:
        team_id, _, identifier = signing.loads(token, salt=_SALT, max_age=settings.DOWNLOAD_LINK_SECONDS).partition("/")
    except signing.SignatureExpired:
        raise Unauthenticated("This link has run out. Ask for a new one.", code="link_expired") from None
    except signing.BadSignature:
        raise Unauthenticated("This link is not valid.", code="link_invalid") from None
    tenancy.enter(team_id=int(team_id))  # who opens the link may be signed in to another team
    job = Job.objects.filter(team_id=team_id, deleted_at=None, pk=identifier.removeprefix("vid_")).first()
    if identifier != video_id or job is None:
        raise NotFound(f"No vid with the id {video_id!r}.")
    return job


class HasScopeOrToken(BasePermission):
    """A signed link needs no caller; the view checks the signature."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return "token" in request.query_params or HasScope().has_permission(request, view)


class ContentQuerySerializer(serializers.Serializer[Any]):
    variant = serializers.ChoiceField(choices=["video", "thumbnail"], default="video")
    download = serializers.BooleanField(default=False, help_text="offer it for saving instead of showing it")
    token = serializers.CharField(required=False, help_text="of a signed link")


class ContentView(APIView):
    part_of_pages = True
    scopes = {"GET": Scope.VIDEOS_READ}
    permission_classes = [HasScopeOrToken]

    @extend_schema(
        operation_id="videos_content",
        summary="Download a video",
        parameters=[ContentQuerySerializer, OpenApiParameter("Range", str, "header")],
        responses={
            (200, "video/mp4"): OpenApiResponse(OpenApiTypes.BINARY, description="The whole file"),
            (206, "video/mp4"): OpenApiResponse(OpenApiTypes.BINARY, description="The range that was asked for"),
            **ERRORS,
        },
    )
    def get(self, request: Request, video_id: str) -> HttpResponseBase:
        query = checked_body(ContentQuerySerializer, request.query_params)
        if "token" in query:
            job = _job_of_token(query["token"], video_id)
        else:
            job = find_video(principal_of(request).team, video_id)
        key = content_key(job, query["variant"])
        filename = f"{job.public_id}.{key.rpartition('.')[2]}"
        return file_response(request._request, key, filename=filename, as_attachment=query["download"])


def content_key(job: Job, variant: str) -> str:
    """Where the film or its poster is stored. Raises Conflict before it is made, Gone after its retention."""
    if job.state != State.COMPLETED:
        raise Conflict(f"There is no video yet: its status is {job.state}.", code="not_ready")
    if job.is_gone:
        raise Gone("The video has outlived its retention and was deleted.")
    return job.result_key if variant == "video" else job.poster_key


def file_response(request: HttpRequest, key: str, *, filename: str, as_attachment: bool) -> HttpResponseBase:
    """A stored object, or the part of it that a Range header names; 304 where the caller has it already.

    Read whole: a clip of at most 32 frames is small, and nothing is held open while a slow client reads.
    """
    # A key's content never changes, but the key itself says more than a client should know.
    etag = f'"{hashlib.sha256(key.encode()).hexdigest()[:32]}"'
    known = get_conditional_response(request, etag=etag)
    if known is not None:
        return known
    try:
        size = default_storage.size(key)
        start, stop, response = _slice(request, size, etag)
        if request.method != "HEAD":
            with default_storage.open(key) as file:
                file.seek(start)
                response.content = file.read(stop - start)
    except FileNotFoundError:
        raise Gone("The video's file is not there any more.") from None
    response["Content-Length"] = str(stop - start)
    response["Content-Type"] = mime_type(key)
    response["Content-Disposition"] = f'{"attachment" if as_attachment else "inline"}; filename="{filename}"'
    response["Accept-Ranges"] = "bytes"
    response["ETag"] = etag
    response["Cache-Control"] = "private, max-age=3600"
    return response


def _slice(request: HttpRequest, size: int, etag: str) -> tuple[int, int, HttpResponse]:
    """First byte, byte after the last, and an empty response of the right status."""
    # If-Range names another version: the parts that the caller has are of no use, send all.
    stale = request.headers.get("If-Range", etag) != etag
    wanted = None if stale else parse_range_header(request.headers.get("Range"))
    if wanted is None or wanted.units != "bytes" or len(wanted.ranges) != 1:
        return 0, size, HttpResponse(status=200)
    start = wanted.ranges[0][0]
    # The last so many bytes, and there are fewer: all of them (RFC 9110, 14.1.2).
    bounds = (0, size) if start < -size and size else wanted.range_for_length(size)
    if bounds is None:
        response = HttpResponse(status=416)
        response["Content-Range"] = f"bytes */{size}"
        return 0, 0, response
    response = HttpResponse(status=206)
    response["Content-Range"] = f"bytes {bounds[0]}-{bounds[1] - 1}/{size}"
    return *bounds, response
