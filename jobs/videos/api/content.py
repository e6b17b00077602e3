"""/v1/videos/{id}/content: the files of a video, for its team or for the holder of a signed link."""

from math import inf
from typing import Any

from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts import tenancy
from accounts.auth.impersonation import Access, deny, impersonation, impersonator_of
from accounts.auth.principals import Principal
from accounts.models import Team
from accounts.roles import Scope
from jobs.api.authentication import principal_of
from jobs.api.conditional import check_precondition
from jobs.api.error_schema import ERRORS
from jobs.api.errors import RangeNotSatisfiable, json_error
from jobs.api.fields import ChoiceField, FramePositionField, TextField
from jobs.api.negotiation import IgnoreAccept
from jobs.api.permissions import HasScope
from jobs.api.validation import validate
from jobs.models import Job
from jobs.storage.file_responses import download_filename, file_response, rendered_response, storage_redirect
from jobs.storage.signed_urls import verify_token
from jobs.videos.frames import FIRST_FRAME, decode_frame, frame_number
from jobs.videos.renditions import GIF, SPRITESHEET, VARIANTS, VIDEO, sprite_sheet_of, variant_key
from jobs.videos.selectors import find_video
from jobs.videos.video_file import require_file


class HasScopeOrToken(BasePermission):
    """Allow requests with a token without credentials. The view verifies the token."""

    throttles = HasScope.throttles

    def has_permission(self, request: Request, view: APIView) -> bool:
        return "token" in request.query_params or HasScope().has_permission(request, view)


_FRAME = "frame"


class ContentQuerySerializer(serializers.Serializer[Any]):
    variant = ChoiceField(choices=[*VARIANTS, _FRAME], default=VIDEO)
    at = FramePositionField(default=FIRST_FRAME, help_text="for `frame`: `first` (the default), `last` or seconds")
    download = serializers.BooleanField(default=False, help_text="send the file as an attachment")
    token = TextField(max_length=2000, required=False, help_text="the token of a signed link")


_DESCRIPTION = """
* `video`: the video in its output format, MP4 or GIF.
* `gif`: the video as a GIF. It is created on the first request and then stored.
* `thumbnail`: the first frame as a JPEG.
* `spritesheet`: all frames in one JPEG, row by row from left to right. It is created on the first request and then
  stored. A tile is the frame with its longer side reduced to 256 pixels; smaller frames keep their size. The number of
  columns is the square root of the number of frames, rounded up. The header `X-Spritesheet` contains the layout:
  `tile=256x192; columns=4; frames=16`.
* `frame`: one frame as a PNG, with the pixels that a decoder returns. `at` is `first`, `last` or a time in seconds; the
  frame at a time is the one that is shown then, number `at * fps` rounded down. It is decoded for each request.
"""


@impersonation(Access.READ)  # the videos on pages
class ContentView(APIView):
    exempt_sessions_from_throttling = True
    content_negotiation_class = IgnoreAccept
    scopes = {"GET": Scope.VIDEOS_READ}
    permission_classes = [HasScopeOrToken]

    def get_authenticators(self) -> list[BaseAuthentication]:
        # The token is the only credential: a key or session that is sent with it, even a revoked one, changes nothing.
        return [] if self.request is not None and "token" in self.request.GET else super().get_authenticators()

    @extend_schema(
        operation_id="videos_content",
        summary="Download a video",
        description=_DESCRIPTION,
        parameters=[ContentQuerySerializer, OpenApiParameter("Range", str, "header")],
        responses={
            (200, "video/mp4"): OpenApiResponse(OpenApiTypes.BINARY, description="The whole file"),
            (200, "image/gif"): OpenApiResponse(OpenApiTypes.BINARY),
            (200, "image/jpeg"): OpenApiResponse(OpenApiTypes.BINARY),
            (200, "image/png"): OpenApiResponse(OpenApiTypes.BINARY),
            (206, "video/mp4"): OpenApiResponse(OpenApiTypes.BINARY, description="The requested range"),
            302: OpenApiResponse(
                description="Redirect to a signed URL of the storage, valid for minutes; not for HEAD"
            ),
            **ERRORS,
        },
    )
    def get(self, request: Request, video_id: str) -> HttpResponseBase:
        query = validate(ContentQuerySerializer, request.query_params)
        job, seconds_left = _authorized_video(request, query, video_id)
        if query["variant"] in {GIF, SPRITESHEET} and impersonator_of(request._request):
            raise deny(request._request)  # the first request for it renders and stores it
        if query["variant"] == _FRAME:
            response = _frame_response(request, query, job)
        else:
            response = _variant_response(request, query, job, seconds_left)
        if response.status_code == 416:
            return _range_not_satisfiable(request, response["Content-Range"])
        check_precondition(request._request, response)
        if query["variant"] == SPRITESHEET:
            sheet = sprite_sheet_of(job)
            tile = f"{sheet.tile_width}x{sheet.tile_height}"
            response["X-Spritesheet"] = f"tile={tile}; columns={sheet.columns}; frames={sheet.num_frames}"
        return response


def _variant_response(request: Request, query: dict[str, Any], job: Job, seconds_left: float) -> HttpResponseBase:
    key = variant_key(job, query["variant"])
    filename, attachment = _filename(query, job, key), query["download"]
    # Pages load content only from this site (CSP), and a signed URL is valid for one method only.
    if request.method == "GET" and not _is_session_request(request):
        redirect = storage_redirect(key, seconds=seconds_left, filename=filename, as_attachment=attachment)
        if redirect is not None:
            return redirect
    return file_response(request._request, key, filename=filename, as_attachment=attachment)


def _frame_response(request: Request, query: dict[str, Any], job: Job) -> HttpResponseBase:
    require_file(job)
    number = frame_number(job, query["at"])
    return rendered_response(
        request._request,
        f"{job.result_key}#{number}",
        lambda: decode_frame(job, number).png,
        filename=_filename(query, job, "frame.png"),
        as_attachment=query["download"],
    )


def _filename(query: dict[str, Any], job: Job, key: str) -> str:
    # The holder of a link may be outside the team, and the prompt is only for the team.
    return download_filename(job, key, with_prompt="token" not in query)


def _authorized_video(request: Request, query: dict[str, Any], video_id: str) -> tuple[Job, float]:
    """Return the video that the request may read, and for how many more seconds."""
    if "token" in query:
        claims = verify_token(video_id=video_id, variant=query["variant"], token=query["token"])
        tenancy.activate(team_id=claims.team_id)  # the session may belong to another team
        claims.require_access()
        job, seconds = find_video(Team(pk=claims.team_id), video_id), claims.seconds_left
    else:
        job, seconds = find_video(principal_of(request).team, video_id), inf
    if job.expires_at is not None:
        seconds = min(seconds, (job.expires_at - timezone.now()).total_seconds())
    return job, seconds


def _range_not_satisfiable(request: Request, content_range: str) -> HttpResponseBase:
    error = RangeNotSatisfiable(
        "The file ends before the requested range. The Content-Range header contains its size.", param="Range"
    )
    response = json_error(request._request, error)
    response["Content-Range"] = content_range
    return response


def _is_session_request(request: Request) -> bool:
    return isinstance(request.auth, Principal) and request.auth.api_key is None
