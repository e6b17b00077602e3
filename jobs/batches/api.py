"""/v1/batches: many videos in one request."""

from collections.abc import Sequence
from contextlib import closing
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.auth.principals import Principal
from accounts.roles import Scope
from common.streaming import StreamedResponse
from jobs.api.authentication import principal_of
from jobs.api.conditional import json_with_etag
from jobs.api.error_schema import ERRORS
from jobs.api.pagination import ListView, PageQuerySerializer, list_schema
from jobs.api.validation import validate
from jobs.batches import examples
from jobs.batches.bodies import (
    BatchBody,
    BatchFormParser,
    BatchJSONParser,
    JsonLinesParser,
    NdjsonParser,
    body_from_request,
)
from jobs.batches.intake import Intake
from jobs.batches.models import Batch, BatchItem
from jobs.batches.progress import ITEM_STATES, eta_seconds, filter_by_status, progress_of_batch, progress_of_batches
from jobs.batches.results import check_results, zip_chunks
from jobs.batches.selectors import find_batch
from jobs.batches.serializers import (
    BatchFormSerializer,
    BatchItemSerializer,
    BatchItemShape,
    BatchOptionsSerializer,
    BatchSerializer,
    BatchShape,
    CreatedBatchSerializer,
    CreatedBatchShape,
    NewBatchSerializer,
    batch_as_json,
    item_as_json,
)
from jobs.batches.services import cancel_batch, create_or_resume_batch, find_by_idempotency_key
from jobs.storage.files import translate_storage_errors
from jobs.videos.idempotency import build_idempotency_key
from jobs.videos.services import check_team_not_closing


class ItemsQuerySerializer(PageQuerySerializer):
    status = serializers.ChoiceField(choices=list(ITEM_STATES), required=False)


def submit_batch(principal: Principal, batch_body: BatchBody, *, key: str | None, request_id: str) -> Batch:
    """Create or resume a batch, and accept as many of its requests as the time limit of one API request allows.

    Raise InvalidField, and the errors of `create_or_resume_batch`.
    """
    options = validate(BatchOptionsSerializer, dict(batch_body.options))
    total = batch_body.count()
    idempotency = build_idempotency_key(key, batch_body.fingerprint_input())
    with closing(Intake(principal=principal, batch_body=batch_body, request_id=request_id)) as intake:
        if idempotency is None or find_by_idempotency_key(principal=principal, idempotency=idempotency) is None:
            check_team_not_closing(principal.team)
            if options["on_error"] == Batch.OnError.FAIL_FAST:
                intake.validate_all()
        batch, holds_lease = create_or_resume_batch(
            principal=principal, options=options, total=total, idempotency=idempotency
        )
        if holds_lease:
            intake.accept(batch)
            batch.refresh_from_db()
        return batch


@list_schema("BatchList", BatchSerializer, operation_id="batches_list", summary="List batches")
class BatchesView(ListView[Batch]):
    id_prefix = "batch"
    scopes = {"GET": Scope.VIDEOS_READ, "POST": Scope.VIDEOS_WRITE}
    parser_classes = [BatchJSONParser, BatchFormParser, JsonLinesParser, NdjsonParser]

    @extend_schema(
        operation_id="batches_create",
        summary="Create a batch of videos",
        description=(
            "A batch contains up to 500 requests. Each becomes an ordinary video under the team's quotas and fair "
            "share; the rate limit counts the batch as one request. The response contains the result of each request. "
            "If a request cannot be accepted, the others still are, unless `on_error` is `fail_fast`.\n\n"
            "Send many images as JSON Lines (`application/jsonl`, with the options as query parameters), or as a form: "
            "the file `requests` with JSON Lines, and one file for each image that `image_name` refers to.\n\n"
            "One API request accepts requests of the batch for at most 18 seconds. If `counts.pending` is above 0, "
            "send the same body again with the same `Idempotency-Key`: it continues where it stopped, and no video is "
            "created twice. If this does not happen within an hour, the batch is finished with the requests accepted "
            "so far; with `fail_fast` it is canceled."
        ),
        request={
            "application/json": NewBatchSerializer,
            "multipart/form-data": BatchFormSerializer,
            "application/jsonl": OpenApiTypes.BINARY,
            "application/x-ndjson": OpenApiTypes.BINARY,
        },
        responses={202: CreatedBatchSerializer, **ERRORS},
        parameters=[
            OpenApiParameter(
                "Idempotency-Key", str, "header", description="Within 24 hours, the same key returns the same batch"
            )
        ],
        examples=[
            OpenApiExample("Two prompts, one image", value=examples.REQUEST, request_only=True),
            OpenApiExample("One of two is refused", value=examples.CREATED, response_only=True, status_codes=["202"]),
        ],
    )
    def post(self, request: Request) -> Response:
        principal = principal_of(request)
        request_id: str = request._request.request_id  # type: ignore[attr-defined]
        with closing(body_from_request(request)) as batch_body:
            batch = submit_batch(
                principal, batch_body, key=request.headers.get("Idempotency-Key"), request_id=request_id
            )
        items = batch.items.select_related("job").order_by("index")
        body: CreatedBatchShape = {
            **_as_json(batch, request),
            "items": [item_as_json(item, request) for item in items],
        }
        return Response(body, status=202, headers={"Location": body["urls"]["self"], "Retry-After": "1"})

    def get_rows(self, request: Request, query: dict[str, Any], **url: str) -> QuerySet[Batch]:
        return Batch.objects.for_team(principal_of(request).team)

    def rows_as_json(self, request: Request, rows: Sequence[Batch]) -> list[BatchShape]:
        progress, build_url = progress_of_batches(rows), request.build_absolute_uri
        return [batch_as_json(batch, progress[batch.pk], absolute=build_url) for batch in rows]


class BatchView(APIView):
    scopes = {"GET": Scope.VIDEOS_READ}

    @extend_schema(
        operation_id="batches_retrieve",
        summary="Retrieve a batch",
        responses={200: BatchSerializer, 304: None, **ERRORS},
        examples=[OpenApiExample("In progress", value=examples.BATCH, response_only=True, status_codes=["200"])],
    )
    def get(self, request: Request, batch_id: str) -> HttpResponse:
        return json_with_etag(request._request, _as_json(find_batch(principal_of(request).team, batch_id), request))


@list_schema(
    "BatchItemList",
    BatchItemSerializer,
    operation_id="batches_items",
    summary="List the requests of a batch with their results",
)
class ItemsView(ListView[BatchItem]):
    scopes = {"GET": Scope.VIDEOS_READ}
    id_prefix = "item"
    query_serializer = ItemsQuerySerializer
    newest_first = False

    def get_rows(self, request: Request, query: dict[str, Any], **url: str) -> QuerySet[BatchItem]:
        batch = find_batch(principal_of(request).team, url["batch_id"])
        return filter_by_status(batch.items.select_related("job"), query.get("status"))

    def rows_as_json(self, request: Request, rows: Sequence[BatchItem]) -> list[BatchItemShape]:
        return [item_as_json(item, request) for item in rows]


class CancelBatchView(APIView):
    scopes = {"POST": Scope.VIDEOS_WRITE}

    @extend_schema(
        operation_id="batches_cancel",
        summary="Cancel a batch",
        description="Cancels every video that is not finished. Finished videos remain, and so do their charges.",
        request=None,
        responses={200: BatchSerializer, **ERRORS},
    )
    def post(self, request: Request, batch_id: str) -> Response:
        batch = find_batch(principal_of(request).team, batch_id)
        cancel_batch(batch=batch)
        batch.refresh_from_db()
        return Response(_as_json(batch, request))


class ResultsView(APIView):
    scopes = {"GET": Scope.VIDEOS_READ}

    @extend_schema(
        operation_id="batches_results",
        summary="Download the completed videos",
        description=(
            "A zip with the videos and `manifest.jsonl`, which has a line for each request: custom_id, status, file, "
            "seed, error. Returns 409 while no video is ready."
        ),
        responses={(200, "application/zip"): OpenApiResponse(OpenApiTypes.BINARY), **ERRORS},
    )
    def get(self, request: Request, batch_id: str) -> HttpResponseBase:
        return results_response(request._request, find_batch(principal_of(request).team, batch_id))


def results_response(request: HttpRequest, batch: Batch) -> HttpResponseBase:
    """Return the zip as a stream. Raise Conflict before the first video is ready."""
    check_results(batch)
    headers = {
        "Content-Disposition": str(content_disposition_header(True, f"{batch.public_id}.zip")),
        "Cache-Control": "no-store, private",
    }
    with translate_storage_errors():
        return StreamedResponse(request, zip_chunks(batch), content_type="application/zip", headers=headers)


def _as_json(batch: Batch, request: Request) -> BatchShape:
    eta = None if batch.is_finished else eta_seconds(batch)
    return batch_as_json(batch, progress_of_batch(batch), absolute=request.build_absolute_uri, eta_seconds=eta)
