"""fal's queue API: submit, status, result and cancel; and `run`, which waits for the result."""

import asyncio
import json
import math
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.roles import Scope
from common.errors import Conflict, Gone, InvalidField, MutoscopeError, NotFound
from common.streaming import release_connections
from jobs.api.authentication import principal_of
from jobs.api.fields import HttpUrlField, StrictSerializer
from jobs.api.negotiation import IgnoreAccept
from jobs.api.validation import validate, validate_deadline
from jobs.compat.fal.serializers import failure_reason, request_as_json, result_as_json
from jobs.compat.model_names import find_model
from jobs.compat.submit import submit
from jobs.compat.views import AsyncCompatView, CompatView
from jobs.events.authorization import Viewer
from jobs.events.snapshots import JobSnapshot
from jobs.events.sse import current_events_response, event_stream_response
from jobs.models import Job
from jobs.queue.cancel import cancel_job
from jobs.states import State
from jobs.videos.api.events import open_event_stream
from jobs.videos.polling import wait_until_changed, wait_until_finished
from jobs.videos.selectors import find_video

# The SDK polls ten times per second. A delayed response keeps it within the team's requests per minute.
_STATUS_TIMEOUT_SECONDS = 1.0
_TIMEOUT_HEADER = "X-Fal-Request-Timeout"
_STREAMING_SUFFIXES = ("/stream", "/realtime")


class GenerationFailed(MutoscopeError):
    """The request finished without a video."""

    status, type, default_code = 422, "invalid_request_error", "failed"


class ResultWaitTimeout(MutoscopeError):
    """The request that waits for a result has reached its timeout."""

    status, type, default_code = 504, "timeout_error", "still_running"


class SubmitQuerySerializer(StrictSerializer):
    fal_webhook = HttpUrlField(required=False)


class FalView(CompatView):
    # The id that the client shows with every response: the job's, once there is one.
    fal_request_id = ""

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        response["X-Fal-Request-Id"] = self.fal_request_id or request._request.request_id  # type: ignore[attr-defined]
        return response

    def find_job(self, request: Request, video_id: str) -> Job:
        """Return the job of the caller's team. Raise NotFound."""
        job = find_video(principal_of(request).team, video_id)
        self.fal_request_id = job.public_id
        return job

    def error_body(self, error: MutoscopeError, status: int) -> dict[str, Any]:
        """Return the body in FastAPI's shape: errors of validation have a list of details."""
        body = super().error_body(error, status)
        if error.status == InvalidField.status and error.details:
            body["detail"] = [{**detail, "loc": ["body", *detail["loc"]]} for detail in body["errors"]]
        return body

    def error_headers(self, error: MutoscopeError) -> dict[str, str]:
        """Mark our own timeout as the caller's. The client repeats any other 504, which would make another video."""
        headers = super().error_headers(error)
        if isinstance(error, ResultWaitTimeout):
            headers["X-Fal-Request-Timeout-Type"] = "user"
        return headers

    def status_of(self, error: MutoscopeError) -> int:
        """Replace 409, and 429 for used-up quotas: the SDK retries these statuses for most of a minute.

        A retry only helps where requests come too fast.
        """
        if error.code == "quota_exceeded":
            return 403
        return 400 if error.status == 409 else error.status


class SubmitView(FalView):
    scopes = {"POST": Scope.VIDEOS_WRITE}

    def post(self, request: Request, application: str) -> Response:
        job = _submit(request, application)
        self.fal_request_id = job.public_id
        return Response(request_as_json(job, request))


class RunView(AsyncCompatView, FalView):
    scopes = {"POST": Scope.VIDEOS_WRITE}

    async def post(self, request: Request, application: str) -> Response:
        job = await sync_to_async(_submit)(request, application, joins_running=True)
        self.fal_request_id = job.public_id
        job = await wait_until_finished(job.id, timeout_seconds=settings.GENERATE_TIMEOUT_SECONDS)
        if not job.is_finished:
            raise ResultWaitTimeout(
                "The video is not finished yet. Get the result of the request %(id)s from the queue later.",
                {"id": job.public_id},
                extra={"request_id": job.public_id},
            )
        return await sync_to_async(_result)(request, job)


class StatusView(AsyncCompatView, FalView):
    scopes = {"GET": Scope.VIDEOS_READ}

    async def get(self, request: Request, owner: str, name: str, video_id: str) -> Response:
        job = await sync_to_async(self.find_job)(request, video_id)
        if settings.LONG_POLLING_ENABLED and not job.is_finished:
            job = await wait_until_changed(job, timeout_seconds=_STATUS_TIMEOUT_SECONDS)
        return Response(await sync_to_async(request_as_json)(job, request, with_logs=_wants_logs(request)))


class StatusStreamView(AsyncCompatView, FalView):
    """Stream the status whenever it changes, until the request is finished."""

    scopes = {"GET": Scope.VIDEOS_READ}
    content_negotiation_class = IgnoreAccept

    async def get(self, request: Request, owner: str, name: str, video_id: str) -> HttpResponseBase:
        job = await sync_to_async(self.find_job)(request, video_id)
        viewer = Viewer.of(principal_of(request), request._request)
        events = open_event_stream(request, viewer, JobSnapshot.of(job), None)
        if events is None:
            return current_events_response((await sync_to_async(_status_event)(request, job)).encode())
        return event_stream_response(request._request, _stream_status(request, job, events))


class ResultView(FalView):
    scopes = {"GET": Scope.VIDEOS_READ}

    def get(self, request: Request, owner: str, name: str, video_id: str) -> Response:
        return _result(request, self.find_job(request, video_id))


class CancelQueuedRequestView(FalView):
    scopes = {"PUT": Scope.VIDEOS_WRITE}

    def put(self, request: Request, owner: str, name: str, video_id: str) -> Response:
        job = self.find_job(request, video_id)
        if job.is_finished:
            raise Conflict(
                "The request is finished already and cannot be canceled.",
                code="already_completed",
                extra={"status": "ALREADY_COMPLETED"},
            )
        cancel_job(job=job)
        return Response({"status": "CANCELLATION_REQUESTED"}, status=202)


def _wants_logs(request: Request) -> bool:
    return request.query_params.get("logs", "").lower() in {"1", "true"}


async def _stream_status(request: Request, job: Job, events: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """Yield the status after each event that may have changed it, and at each heartbeat: the queue moves meanwhile."""
    sent = ""
    async with aclosing(events):
        async for event in events:
            if b"\nevent: preview" in event[:100] or (b"\nevent: progress" in event[:100] and not _wants_logs(request)):
                continue
            # A thread of its own for each step: the stream must hold neither a thread nor a connection in between.
            status = await asyncio.to_thread(_current_status_event, request, job)
            yield b": heartbeat\n\n" if status == sent else status.encode()
            sent = status


def _current_status_event(request: Request, job: Job) -> str:
    try:
        job.refresh_from_db()
        return _status_event(request, job)
    finally:
        release_connections()


def _status_event(request: Request, job: Job) -> str:
    return f"data: {json.dumps(request_as_json(job, request, with_logs=_wants_logs(request)))}\n\n"


def _submit(request: Request, application: str, *, joins_running: bool = False) -> Job:
    if application.endswith(_STREAMING_SUFFIXES):
        raise NotFound("Videos cannot be streamed while they are generated. Use submit or subscribe instead.")
    query = validate(SubmitQuerySerializer, request.query_params)
    extra_fields: dict[str, Any] = {}
    if "fal_webhook" in query:
        extra_fields["webhook_url"] = query["fal_webhook"]
    if priority := request.headers.get("X-Fal-Queue-Priority"):
        extra_fields["priority"] = priority
    return submit(
        request,
        descriptor=find_model(application),
        inputs=request.data,
        extra_fields=extra_fields,
        webhook_format="fal",
        cancel_after_seconds=_start_timeout_seconds(request.headers.get(_TIMEOUT_HEADER)),
        joins_running=joins_running,
    )


def _start_timeout_seconds(header: str | None) -> int | None:
    """Return the seconds within which the video must start, rounded up. Raise InvalidField."""
    if header is None:
        return None
    try:
        seconds = math.ceil(float(header))
    except (ValueError, OverflowError):
        raise InvalidField(
            "%(header)s is not a number of seconds. Send a number such as 90.",
            {"header": _TIMEOUT_HEADER},
            param=_TIMEOUT_HEADER,
        ) from None
    return validate_deadline(seconds, header=_TIMEOUT_HEADER)


def _result(request: Request, job: Job) -> Response:
    if not job.is_finished:
        raise Conflict("Request is still in progress", code="not_ready")
    if job.state != State.COMPLETED:
        message, code = failure_reason(job)
        raise GenerationFailed(message, code=code)
    if job.is_gone:
        raise Gone("The video was deleted after its retention period.")
    return Response(result_as_json(job, request))
