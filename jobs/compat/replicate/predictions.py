"""Replicate's predictions API: create, get, list and cancel."""

import re
import time
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.urls import reverse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.roles import Scope
from common.errors import InvalidField
from common.messages import Message
from common.pagination import KeysetPaginator
from jobs.api.authentication import principal_of
from jobs.api.fields import HttpUrlField, ShortListField, StrictSerializer, TextField
from jobs.api.validation import validate
from jobs.compat.model_names import find_model
from jobs.compat.replicate.serializers import prediction_as_json
from jobs.compat.submit import submit
from jobs.compat.views import AsyncCompatView, CompatView
from jobs.models import Job
from jobs.queue.cancel import cancel_job
from jobs.videos.polling import wait_until_finished
from jobs.videos.selectors import find_video

_PREFER_WAIT = re.compile(r"\bwait(?:=(\d{1,4}))?\b", re.ASCII)
_MAX_WAIT_SECONDS = 60
_PAGE_SIZE = 100
_EVENTS = ("start", "output", "logs", "completed")


class PredictionSerializer(StrictSerializer):
    version = TextField(max_length=200, required=False)
    input = serializers.JSONField()
    webhook = HttpUrlField(required=False)
    webhook_completed = HttpUrlField(required=False, help_text="URL for the completed event only")
    webhook_events_filter = ShortListField(
        child=serializers.ChoiceField(choices=_EVENTS), max_length=50, required=False
    )
    stream = serializers.BooleanField(required=False, help_text="ignored: videos cannot be streamed")


class CursorSerializer(StrictSerializer):
    cursor = TextField(max_length=60, required=False)


class PredictionsView(AsyncCompatView):
    scopes = {"GET": Scope.VIDEOS_READ, "POST": Scope.VIDEOS_WRITE}

    async def get(self, request: Request) -> Response:
        return await sync_to_async(_list_page)(request)

    async def post(self, request: Request, owner: str = "", name: str = "") -> Response:
        """Create a prediction. With `Prefer: wait`, respond when it is finished or the wait has timed out."""
        started_at = time.monotonic()
        job = await sync_to_async(_create)(request, f"{owner}/{name}" if name else None)
        seconds = _preferred_wait_seconds(request) - (time.monotonic() - started_at)
        waits = settings.LONG_POLLING_ENABLED and seconds > 0
        if waits:
            job = await wait_until_finished(job.id, timeout_seconds=seconds)
        body = await sync_to_async(prediction_as_json)(job, request)
        if waits and not job.is_finished:
            # After a wait, the SDK's `run` treats any status but this one as finished.
            body["status"] = "starting"
        return Response(body, status=201, headers={"Location": body["urls"]["get"]})


class ModelPredictionsView(PredictionsView):
    """Predictions of the model in the URL."""

    http_method_names = ["post", "options"]


class PredictionView(CompatView):
    scopes = {"GET": Scope.VIDEOS_READ}

    def get(self, request: Request, video_id: str) -> Response:
        return Response(prediction_as_json(find_video(principal_of(request).team, video_id), request))


class CancelPredictionView(CompatView):
    scopes = {"POST": Scope.VIDEOS_WRITE}

    def post(self, request: Request, video_id: str) -> Response:
        job = find_video(principal_of(request).team, video_id)
        cancel_job(job=job)
        job.refresh_from_db()
        return Response(prediction_as_json(job, request))


def _create(request: Request, model: str | None) -> Job:
    values = validate(PredictionSerializer, request.data)
    model = model or values.get("version")
    if model is None:
        raise InvalidField(
            "%(field)s: %(problem)s",
            {"field": "version", "problem": Message("Name a model, such as mutoscope/camera.")},
            param="version",
        )
    webhook_url = values.get("webhook") or values.get("webhook_completed")
    return submit(
        request,
        descriptor=find_model(model),
        inputs=values["input"],
        extra_fields={"webhook_url": webhook_url} if webhook_url else {},
        webhook_format=_webhook_format(values),
    )


def _webhook_format(values: dict[str, Any]) -> str:
    """Return the payload format. Without `webhook_events_filter` the URL receives start and completion events."""
    events = set(values.get("webhook_events_filter", _EVENTS))
    if "webhook" not in values or "start" not in events:
        return "replicate.completed"
    return "replicate" if "completed" in events else "replicate.start"


def _preferred_wait_seconds(request: Request) -> float:
    preferred = _PREFER_WAIT.search(request.headers.get("Prefer", ""))
    if preferred is None:
        return 0
    return min(float(preferred[1] or _MAX_WAIT_SECONDS), _MAX_WAIT_SECONDS)


def _list_page(request: Request) -> Response:
    query = validate(CursorSerializer, request.query_params)
    paginator = KeysetPaginator(Job.objects.for_team(principal_of(request).team), _PAGE_SIZE, prefix="vid")
    page = paginator.get_page(query.get("cursor"))
    url = request.build_absolute_uri(reverse("replicate:predictions"))
    return Response(
        {
            "previous": None,
            "next": f"{url}?cursor={page.next_after}" if page.has_more else None,
            "results": [prediction_as_json(job, request) for job in page.rows],
        }
    )
