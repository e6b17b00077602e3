"""/v1/videos: submit, list, look, cancel, delete."""

from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpResponse
from django.utils.datastructures import MultiValueDict
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.roles import Scope
from common.errors import InvalidField
from common.ids import parse_public_id, public_id
from jobs.api.async_views import AsyncAPIView
from jobs.api.authentication import principal_of
from jobs.api.conditional import video_response
from jobs.api.error_schema import ERRORS
from jobs.api.fields import ChoiceField, StrictIntegerField, StrictSerializer, TextField
from jobs.api.pagination import PageQuerySerializer, list_as_json, list_schema
from jobs.api.parsers import JSON_AND_MULTIPART_PARSERS
from jobs.queue.cancel import cancel_job, delete_job
from jobs.states import State
from jobs.videos.api.serializers import VideoSerializer, video_as_json
from jobs.videos.polling import wait_until_changed
from jobs.videos.search import VideoFilter, list_videos
from jobs.videos.selectors import find_video
from jobs.videos.services import submit_body
from jobs.videos.submission import VideoRequestSerializer

_MAX_DEADLINE_SECONDS = 7 * 24 * 3600
_MAX_WAIT_SECONDS = 60
# As far as the ids' 48 bits of milliseconds reach.
_MAX_TIMESTAMP = 2**48 // 1000 - 1


def validate(serializer: type[serializers.Serializer[Any]], data: Any) -> dict[str, Any]:
    """What a serializer makes of a body. Raises ValidationError, one detail for each field that is wrong."""
    bound = serializer(data=_reject_repeated(data) if isinstance(data, MultiValueDict) else data)
    bound.is_valid(raise_exception=True)
    values: dict[str, Any] = bound.validated_data
    return values


def _reject_repeated(data: "MultiValueDict[str, Any]") -> dict[str, Any]:
    """The fields of a form or a query. One that comes twice is refused, as in JSON: the first would be lost."""
    if doubled := [name for name, values in data.lists() if len(values) > 1]:
        detail = serializers.ErrorDetail("Came more than once. Send it once.", code="repeated")
        raise serializers.ValidationError({name[:60]: [detail] for name in doubled})
    return data.dict()


class ListQuerySerializer(PageQuerySerializer):
    order = ChoiceField(choices=["asc", "desc"], default="desc")
    status = ChoiceField(choices=State.values, required=False)
    model = TextField(required=False)
    q = TextField(required=False, max_length=200, help_text="words in the prompt")
    created_after = StrictIntegerField(
        required=False, min_value=0, max_value=_MAX_TIMESTAMP, help_text="seconds since 1970, this one included"
    )
    created_before = StrictIntegerField(
        required=False, min_value=0, max_value=_MAX_TIMESTAMP, help_text="seconds since 1970, this one not included"
    )


CANCEL_AFTER_PARAMETER = OpenApiParameter(
    "Cancel-After", int, "header", description="Seconds in which it must have started"
)


class VideosView(APIView):
    parser_classes = JSON_AND_MULTIPART_PARSERS
    scopes = {"GET": Scope.VIDEOS_READ, "POST": Scope.VIDEOS_WRITE}

    @extend_schema(
        operation_id="videos_create",
        summary="Make a video",
        request={"application/json": VideoRequestSerializer, "multipart/form-data": VideoRequestSerializer},
        responses={202: VideoSerializer, **ERRORS},
        parameters=[
            CANCEL_AFTER_PARAMETER,
            OpenApiParameter("Idempotency-Key", str, "header", description="Sent again within 24 h: the same video"),
        ],
    )
    def post(self, request: Request) -> Response:
        principal = principal_of(request)
        values = validate(VideoRequestSerializer, request.data)
        job = submit_body(
            principal=principal,
            values=values,
            idempotency_key=request.headers.get("Idempotency-Key"),
            cancel_after_seconds=parse_cancel_after(request),
        )
        body = video_as_json(job, request)
        headers = {"Location": body["urls"]["self"], "Retry-After": "1"}
        return Response(body, status=202, headers=headers)

    @extend_schema(
        operation_id="videos_list",
        summary="List videos",
        parameters=[ListQuerySerializer],
        responses={200: list_schema("VideoList", VideoSerializer), **ERRORS},
    )
    def get(self, request: Request) -> Response:
        query = validate(ListQuerySerializer, request.query_params)
        filters = VideoFilter(
            state=query.get("status"),
            model=query.get("model"),
            search=query.get("q"),
            created_after=query.get("created_after"),
            created_before=query.get("created_before"),
        )
        page = list_videos(
            team=principal_of(request).team,
            filters=filters,
            after=parse_public_id("vid", query["after"]) if "after" in query else None,
            limit=query["limit"],
            newest_first=query["order"] == "desc",
        )
        videos = [video_as_json(job, request, with_queue=False) for job in page.rows]
        return Response(list_as_json(videos, has_more=page.has_more))


def parse_cancel_after(request: Request) -> int | None:
    """Seconds in which the video must have started, where the caller says so. Raises InvalidField."""
    given = request.headers.get("Cancel-After")
    if given is None:
        return None
    # int() would take 1_0 and +5, and refuses thousands of digits; of 20 the first are too many already.
    seconds = int(given[:20]) if given.isascii() and given.isdigit() else 0
    return validate_deadline(seconds, header="Cancel-After")


def validate_deadline(seconds: int, *, header: str) -> int:
    """Seconds in which a video must have started, as that header has them. Raises InvalidField."""
    if 1 <= seconds <= _MAX_DEADLINE_SECONDS:
        return seconds
    message = f"{header} must be a number of whole seconds from 1 to {_MAX_DEADLINE_SECONDS}."
    raise InvalidField(message, param=header)


class WaitQuerySerializer(StrictSerializer):
    wait = StrictIntegerField(
        min_value=0,
        max_value=_MAX_WAIT_SECONDS,
        default=0,
        help_text="seconds that the answer may be held back until the status changes",
    )


_RETRIEVE = extend_schema(
    operation_id="videos_retrieve",
    summary="Look at a video",
    parameters=[WaitQuerySerializer],
    responses={200: VideoSerializer, 304: None, **ERRORS},
)
_DELETE = extend_schema(
    operation_id="videos_delete",
    summary="Delete a video",
    description="One that is not finished is canceled first. What was charged stays on the books.",
    responses={200: {"type": "object", "properties": {"id": {"type": "string"}}}, **ERRORS},
)


class VideoView(APIView):
    """For processes that answer at once; see WaitingVideoView."""

    scopes = {"GET": Scope.VIDEOS_READ, "DELETE": Scope.VIDEOS_DELETE}

    @_RETRIEVE
    def get(self, request: Request, video_id: str) -> HttpResponse:
        validate(WaitQuerySerializer, request.query_params)
        return video_response(request._request, find_video(principal_of(request).team, video_id))

    @_DELETE
    def delete(self, request: Request, video_id: str) -> Response:
        job = find_video(principal_of(request).team, video_id)
        delete_job(job=job)
        return Response({"id": public_id("vid", job.id), "object": "video.deleted", "deleted": True})


class LongPollingVideoView(AsyncAPIView, VideoView):
    """The same where answers may be held back (`settings.LONG_POLLING_ENABLED`)."""

    @_RETRIEVE
    async def get(self, request: Request, video_id: str) -> HttpResponse:  # type: ignore[override]
        seconds = validate(WaitQuerySerializer, request.query_params)["wait"]
        job = await sync_to_async(find_video)(principal_of(request).team, video_id)
        if seconds and not job.is_finished:
            job = await wait_until_changed(job, seconds=seconds)
        return await sync_to_async(video_response)(request._request, job)

    @_DELETE
    async def delete(self, request: Request, video_id: str) -> Response:  # type: ignore[override]
        return await sync_to_async(super().delete)(request, video_id)


class CancelView(APIView):
    scopes = {"POST": Scope.VIDEOS_WRITE}

    @extend_schema(
        operation_id="videos_cancel",
        summary="Cancel a video",
        description="Queued: at once. In progress: after the present step. Closed: no effect. Nothing is charged.",
        request=None,
        responses={200: VideoSerializer, **ERRORS},
    )
    def post(self, request: Request, video_id: str) -> Response:
        job = find_video(principal_of(request).team, video_id)
        cancel_job(job=job)
        job.refresh_from_db()
        return Response(video_as_json(job, request))
