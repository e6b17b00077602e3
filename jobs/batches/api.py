"""/v1/batches: many videos in one call."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from typing import Any

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.auth.principals import Principal
from accounts.roles import Scope
from common.ids import parse_public_id
from common.pagination import keyset_page
from jobs.api.authentication import principal_of
from jobs.api.conditional import json_with_etag
from jobs.api.error_schema import ERRORS
from jobs.api.pagination import PageQuerySerializer, list_as_json, list_schema
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
from jobs.batches.models import Batch
from jobs.batches.progress import ITEM_STATES, eta_seconds, filter_by_status, progress_of_batch, progress_of_batches
from jobs.batches.results import items_for_results, stream_zip
from jobs.batches.selectors import find_batch
from jobs.batches.serializers import (
    BatchFormSerializer,
    BatchItemSerializer,
    BatchOptionsSerializer,
    BatchSerializer,
    CreatedBatchSerializer,
    NewBatchSerializer,
    batch_as_json,
    item_as_json,
)
from jobs.batches.services import cancel_batch, create_or_resume_batch, find_by_idempotency_key
from jobs.videos.idempotency import build_idempotency_key
from jobs.videos.services import check_team_not_closing


class ItemsQuerySerializer(PageQuerySerializer):
    status = serializers.ChoiceField(choices=list(ITEM_STATES), required=False)


def submit_batch(principal: Principal, batch_body: BatchBody, *, key: str | None, request_id: str) -> Batch:
    """The batch with all of it taken that a call has the time for. Raises what `begin_batch` does, and InvalidField."""
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


class BatchesView(APIView):
    scopes = {"GET": Scope.VIDEOS_READ, "POST": Scope.VIDEOS_WRITE}
    parser_classes = [BatchJSONParser, BatchFormParser, JsonLinesParser, NdjsonParser]

    @extend_schema(
        operation_id="batches_create",
        summary="Make many videos",
        description=(
            "Up to 500 requests, each an ordinary video under the team's quotas and fair share; the whole counts as "
            "one call. The answer says of each what became of it. Requests that cannot be taken do not stop the "
            "others, unless `on_error` is `fail_fast`.\n\n"
            "Send many pictures as JSON Lines (`application/jsonl`, options as query parameters), or as a form: the "
            "file `requests` of JSON Lines, and a file for each picture, to be named by `image_name`.\n\n"
            "A call takes requests for at most 18 seconds. Where `counts.pending` is above 0, send the same again "
            "with the same `Idempotency-Key`: it goes on where it stopped, and nothing is made twice. After an hour "
            "without such a call the batch ends with what was taken; with `fail_fast` it is canceled then."
        ),
        request={
            "application/json": NewBatchSerializer,
            "multipart/form-data": BatchFormSerializer,
            "application/jsonl": OpenApiTypes.BINARY,
            "application/x-ndjson": OpenApiTypes.BINARY,
        },
        responses={202: CreatedBatchSerializer, **ERRORS},
        parameters=[
            OpenApiParameter("Idempotency-Key", str, "header", description="Sent again within 24 h: the same batch")
        ],
        examples=[
            OpenApiExample("Two prompts, one picture", value=examples.REQUEST, request_only=True),
            OpenApiExample("One taken, one refused", value=examples.CREATED, response_only=True, status_codes=["202"]),
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
        body = _as_json(batch, request) | {"items": [item_as_json(item, request) for item in items]}
        return Response(body, status=202, headers={"Location": body["urls"]["self"], "Retry-After": "1"})

    @extend_schema(
        operation_id="batches_list",
        summary="List batches",
        parameters=[PageQuerySerializer],
        responses={200: list_schema("BatchList", BatchSerializer), **ERRORS},
    )
    def get(self, request: Request) -> Response:
        query = validate(PageQuerySerializer, request.query_params)
        after = parse_public_id("batch", query["after"]) if "after" in query else None
        page = keyset_page(Batch.objects.for_team(principal_of(request).team), after=after, limit=query["limit"])
        found = progress_of_batches(page.rows)
        build_url = request.build_absolute_uri
        rows = [batch_as_json(batch, found[batch.pk], absolute=build_url) for batch in page.rows]
        return Response(list_as_json(rows, has_more=page.has_more))


class BatchView(APIView):
    scopes = {"GET": Scope.VIDEOS_READ}

    @extend_schema(
        operation_id="batches_retrieve",
        summary="See where a batch stands",
        responses={200: BatchSerializer, 304: None, **ERRORS},
        examples=[OpenApiExample("At work", value=examples.BATCH, response_only=True, status_codes=["200"])],
    )
    def get(self, request: Request, batch_id: str) -> HttpResponse:
        return json_with_etag(request._request, _as_json(find_batch(principal_of(request).team, batch_id), request))


class ItemsView(APIView):
    scopes = {"GET": Scope.VIDEOS_READ}

    @extend_schema(
        operation_id="batches_items",
        summary="List what became of each request",
        parameters=[ItemsQuerySerializer],
        responses={200: list_schema("BatchItemList", BatchItemSerializer), **ERRORS},
    )
    def get(self, request: Request, batch_id: str) -> Response:
        query = validate(ItemsQuerySerializer, request.query_params)
        batch = find_batch(principal_of(request).team, batch_id)
        rows = filter_by_status(batch.items.select_related("job"), query.get("status"))
        after = parse_public_id("item", query["after"]) if "after" in query else None
        page = keyset_page(rows, after=after, limit=query["limit"], newest_first=False)
        return Response(list_as_json([item_as_json(item, request) for item in page.rows], has_more=page.has_more))


class CancelView(APIView):
    scopes = {"POST": Scope.VIDEOS_WRITE}

    @extend_schema(
        operation_id="batches_cancel",
        summary="Cancel a batch",
        description="Cancels each of its videos that is not closed. Those that are keep what they cost.",
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
        summary="Download the videos made so far",
        description=(
            "A zip of films, and `manifest.jsonl` with a line for each request: custom_id, status, file, seed, error. "
            "409 while none is ready."
        ),
        responses={(200, "application/zip"): OpenApiResponse(OpenApiTypes.BINARY), **ERRORS},
    )
    def get(self, request: Request, batch_id: str) -> HttpResponseBase:
        return results_response(request._request, find_batch(principal_of(request).team, batch_id))


def results_response(request: HttpRequest, batch: Batch) -> HttpResponseBase:
    """The zip, sent as it is put together. Raises Conflict before the first video is ready."""
    pieces = stream_zip(items_for_results(batch))
    # Django reads a plain iterator whole before an ASGI server sends the first byte, and an async one before WSGI's.
    response = StreamingHttpResponse(_in_threads(pieces) if isinstance(request, ASGIRequest) else pieces)
    response["Content-Type"] = "application/zip"
    response["Content-Disposition"] = f'attachment; filename="{batch.public_id}.zip"'
    response["Cache-Control"] = "no-store, private"
    return response


async def _in_threads(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        yield piece


def _as_json(batch: Batch, request: Request) -> dict[str, Any]:
    eta = None if batch.is_finished else eta_seconds(batch)
    return batch_as_json(batch, progress_of_batch(batch), absolute=request.build_absolute_uri, eta_seconds=eta)
