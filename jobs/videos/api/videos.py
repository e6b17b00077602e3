"""/v1/videos: submit, list, retrieve, cancel and delete videos."""

from collections.abc import Sequence
from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.roles import Scope
from common.ids import public_id
from common.pagination import FindPage
from jobs.api.async_views import AsyncAPIView
from jobs.api.authentication import principal_of
from jobs.api.error_schema import ERRORS
from jobs.api.fields import ChoiceField, StrictIntegerField, StrictSerializer, TextField
from jobs.api.pagination import ListView, PageQuerySerializer, list_schema
from jobs.api.parsers import JSON_AND_MULTIPART_PARSERS
from jobs.api.shapes import DeletedShape, serializer_of
from jobs.api.validation import CANCEL_AFTER_PARAMETER, parse_cancel_after, validate
from jobs.models import Job
from jobs.queue.cancel import cancel_job, delete_job
from jobs.states import State
from jobs.videos.api.responses import video_response
from jobs.videos.api.serializers import VideoSerializer, VideoShape, video_as_json
from jobs.videos.idempotency import build_idempotency_key
from jobs.videos.polling import wait_until_changed
from jobs.videos.search import VideoFilter, list_videos
from jobs.videos.selectors import find_video
from jobs.videos.serializers import VideoRequestSerializer
from jobs.videos.services import submit_video
from jobs.videos.submission import build_request

_MAX_WAIT_SECONDS = 60
# The ids contain 48 bits of milliseconds.
_MAX_TIMESTAMP = 2**48 // 1000 - 1


class ListQuerySerializer(PageQuerySerializer):
    order = ChoiceField(choices=["asc", "desc"], default="desc")
    status = ChoiceField(choices=State.values, required=False)
    model = TextField(max_length=60, required=False)
    q = TextField(required=False, max_length=200, help_text="words of the prompt, all must match; or the id of a video")
    created_after = StrictIntegerField(
        required=False, min_value=0, max_value=_MAX_TIMESTAMP, help_text="seconds since 1970, inclusive"
    )
    created_before = StrictIntegerField(
        required=False, min_value=0, max_value=_MAX_TIMESTAMP, help_text="seconds since 1970, exclusive"
    )


@list_schema("VideoList", VideoSerializer, operation_id="videos_list", summary="List videos")
class VideosView(ListView[Job]):
    parser_classes = JSON_AND_MULTIPART_PARSERS
    scopes = {"GET": Scope.VIDEOS_READ, "POST": Scope.VIDEOS_WRITE}
    id_prefix = "vid"
    query_serializer = ListQuerySerializer

    @extend_schema(
        operation_id="videos_create",
        summary="Create a video",
        request={"application/json": VideoRequestSerializer, "multipart/form-data": VideoRequestSerializer},
        responses={202: VideoSerializer, **ERRORS},
        parameters=[
            CANCEL_AFTER_PARAMETER,
            OpenApiParameter(
                "Idempotency-Key",
                str,
                "header",
                description="A repeat within 24 hours returns the same video",
            ),
        ],
    )
    def post(self, request: Request) -> Response:
        principal = principal_of(request)
        values = validate(VideoRequestSerializer, request.data)
        cancel_after_seconds = parse_cancel_after(request)
        job = submit_video(
            principal=principal,
            build=lambda: build_request(values, team=principal.team, cancel_after_seconds=cancel_after_seconds),
            idempotency=build_idempotency_key(request.headers.get("Idempotency-Key"), values),
        )
        body = video_as_json(job, request)
        headers = {"Location": body["urls"]["self"], "Retry-After": "1"}
        return Response(body, status=202, headers=headers)

    def get_rows(self, request: Request, query: dict[str, Any], **url: str) -> FindPage[Job]:
        filters = VideoFilter(
            state=query.get("status"),
            model=query.get("model"),
            search=query.get("q"),
            created_after=query.get("created_after"),
            created_before=query.get("created_before"),
        )
        return lambda after, limit: list_videos(
            team=principal_of(request).team,
            filters=filters,
            after=after,
            limit=limit,
            newest_first=query["order"] == "desc",
        )

    def rows_as_json(self, request: Request, rows: Sequence[Job]) -> list[VideoShape]:
        return [video_as_json(job, request, with_queue=False) for job in rows]


class WaitQuerySerializer(StrictSerializer):
    wait = StrictIntegerField(
        min_value=0,
        max_value=_MAX_WAIT_SECONDS,
        default=0,
        help_text="seconds to wait for a change of the status before the response",
    )


_RETRIEVE = extend_schema(
    operation_id="videos_retrieve",
    summary="Retrieve a video",
    parameters=[WaitQuerySerializer],
    responses={200: VideoSerializer, 304: None, **ERRORS},
)
_DELETE = extend_schema(
    operation_id="videos_delete",
    summary="Delete a video",
    description="A video that is not finished is canceled first. Charged credits are not refunded.",
    responses={200: serializer_of(DeletedShape), **ERRORS},
)


class VideoView(APIView):
    """Retrieve and delete a video in processes without long polling."""

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
    """The same with long polling (`settings.LONG_POLLING_ENABLED`)."""

    @_RETRIEVE
    async def get(self, request: Request, video_id: str) -> HttpResponse:  # type: ignore[override]
        seconds = validate(WaitQuerySerializer, request.query_params)["wait"]
        job = await sync_to_async(find_video)(principal_of(request).team, video_id)
        if seconds and not job.is_finished:
            job = await wait_until_changed(job, timeout_seconds=seconds)
        return await sync_to_async(video_response)(request._request, job)

    @_DELETE
    async def delete(self, request: Request, video_id: str) -> Response:  # type: ignore[override]
        return await sync_to_async(super().delete)(request, video_id)


class CancelVideoView(APIView):
    scopes = {"POST": Scope.VIDEOS_WRITE}

    @extend_schema(
        operation_id="videos_cancel",
        summary="Cancel a video",
        description=(
            "A queued video is canceled at once, a video in progress after its current step. Nothing is charged. "
            "A finished video does not change."
        ),
        request=None,
        responses={200: VideoSerializer, **ERRORS},
    )
    def post(self, request: Request, video_id: str) -> Response:
        job = find_video(principal_of(request).team, video_id)
        cancel_job(job=job)
        job.refresh_from_db()
        return Response(video_as_json(job, request))
