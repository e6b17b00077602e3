"""/v1/webhooks: endpoints, their secrets and their delivery logs."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.roles import Scope
from jobs.api.authentication import principal_of
from jobs.api.error_schema import ERRORS
from jobs.api.pagination import ListView, PageQuerySerializer, list_schema
from jobs.api.shapes import DeletedShape, serializer_of
from jobs.api.validation import validate
from jobs.webhooks.models import Delivery, Endpoint
from jobs.webhooks.outbox import per_job_endpoint
from jobs.webhooks.selectors import find_delivery, find_endpoint
from jobs.webhooks.serializers import (
    DeliverySerializer,
    DeliveryShape,
    JobSecretShape,
    NewWebhookSerializer,
    RotationSerializer,
    WebhookChangesSerializer,
    WebhookSerializer,
    WebhookShape,
    delivery_as_json,
    webhook_as_json,
)
from jobs.webhooks.services import create_endpoint, delete_endpoint, ping, redeliver, rotate_secret, update_endpoint

_ALL = dict.fromkeys(("GET", "POST", "PATCH", "DELETE"), Scope.WEBHOOKS_MANAGE)


class DeliveriesQuerySerializer(PageQuerySerializer):
    state = serializers.ChoiceField(choices=Delivery.State.values, required=False)


@list_schema("WebhookList", WebhookSerializer, operation_id="webhooks_list", summary="List webhooks")
class WebhooksView(ListView[Endpoint]):
    scopes = _ALL
    id_prefix = "whk"

    def get_rows(self, request: Request, query: dict[str, Any], **url: str) -> QuerySet[Endpoint]:
        return Endpoint.objects.visible(principal_of(request).team)

    def rows_as_json(self, request: Request, rows: Sequence[Endpoint]) -> list[WebhookShape]:
        return [webhook_as_json(endpoint) for endpoint in rows]

    @extend_schema(
        operation_id="webhooks_create",
        summary="Create a webhook",
        description="The response contains the secret that signs the deliveries. It is not shown again.",
        request=NewWebhookSerializer,
        responses={201: WebhookSerializer, **ERRORS},
    )
    def post(self, request: Request) -> Response:
        values, principal = validate(NewWebhookSerializer, request.data), principal_of(request)
        endpoint = create_endpoint(
            team=principal.team,
            creator=principal.user,
            url=values["url"],
            kinds=values["events"],
            description=values.get("description", ""),
        )
        return Response(webhook_as_json(endpoint, with_secret=True), status=201)


class WebhookView(APIView):
    scopes = _ALL

    @extend_schema(
        operation_id="webhooks_retrieve", summary="Retrieve a webhook", responses={200: WebhookSerializer, **ERRORS}
    )
    def get(self, request: Request, webhook_id: str) -> Response:
        return Response(webhook_as_json(find_endpoint(principal_of(request).team, webhook_id)))

    @extend_schema(
        operation_id="webhooks_update",
        summary="Update, enable or disable a webhook",
        request=WebhookChangesSerializer,
        responses={200: WebhookSerializer, **ERRORS},
    )
    def patch(self, request: Request, webhook_id: str) -> Response:
        endpoint = find_endpoint(principal_of(request).team, webhook_id)
        changes = validate(WebhookChangesSerializer, request.data)
        if "events" in changes:
            changes["kinds"] = sorted(set(changes.pop("events")))
        return Response(webhook_as_json(update_endpoint(endpoint=endpoint, changes=changes)))

    @extend_schema(
        operation_id="webhooks_delete",
        summary="Delete a webhook and its delivery log",
        responses={
            200: serializer_of(DeletedShape),
            **ERRORS,
        },
    )
    def delete(self, request: Request, webhook_id: str) -> Response:
        delete_endpoint(endpoint=find_endpoint(principal_of(request).team, webhook_id))
        return Response({"id": webhook_id, "object": "webhook.deleted", "deleted": True})


class RotateView(APIView):
    scopes = _ALL

    @extend_schema(
        operation_id="webhooks_rotate",
        summary="Rotate the secret",
        description="For `overlap_hours`, deliveries have signatures by both secrets. Update your receiver meanwhile.",
        request=RotationSerializer,
        responses={200: WebhookSerializer, **ERRORS},
    )
    def post(self, request: Request, webhook_id: str) -> Response:
        endpoint = find_endpoint(principal_of(request).team, webhook_id)
        hours = validate(RotationSerializer, request.data)["overlap_hours"]
        return Response(
            webhook_as_json(rotate_secret(endpoint=endpoint, overlap=timedelta(hours=hours)), with_secret=True)
        )


class JobSecretView(APIView):
    scopes = _ALL

    @extend_schema(
        operation_id="webhooks_job_secret",
        summary="Retrieve the secret for `webhook_url` of single videos",
        responses={200: serializer_of(JobSecretShape), **ERRORS},
    )
    def get(self, request: Request) -> Response:
        return Response({"secret": per_job_endpoint(team_id=principal_of(request).team.pk).secret})


class PingView(APIView):
    scopes = _ALL

    @extend_schema(
        operation_id="webhooks_ping",
        summary="Send a test event",
        request=None,
        responses={202: DeliverySerializer, **ERRORS},
    )
    def post(self, request: Request, webhook_id: str) -> Response:
        delivery = ping(endpoint=find_endpoint(principal_of(request).team, webhook_id))
        return Response(delivery_as_json(delivery), status=202)


@list_schema(
    "DeliveryList",
    DeliverySerializer,
    operation_id="webhooks_deliveries",
    summary="List deliveries with their responses",
)
class DeliveriesView(ListView[Delivery]):
    scopes = _ALL
    id_prefix = "dlv"
    query_serializer = DeliveriesQuerySerializer

    def get_rows(self, request: Request, query: dict[str, Any], **url: str) -> QuerySet[Delivery]:
        endpoint = find_endpoint(principal_of(request).team, url["webhook_id"])
        rows = endpoint.deliveries.select_related("job").prefetch_related("attempts")
        return rows.filter(state=query["state"]) if "state" in query else rows

    def rows_as_json(self, request: Request, rows: Sequence[Delivery]) -> list[DeliveryShape]:
        return [delivery_as_json(delivery) for delivery in rows]


class RedeliverView(APIView):
    scopes = _ALL

    @extend_schema(
        operation_id="webhooks_redeliver",
        summary="Deliver an event again",
        description="The event id stays the same, so that a receiver can recognize an event that it has processed.",
        request=None,
        responses={202: OpenApiResponse(DeliverySerializer), **ERRORS},
    )
    def post(self, request: Request, webhook_id: str, delivery_id: str) -> Response:
        endpoint = find_endpoint(principal_of(request).team, webhook_id)
        delivery = redeliver(delivery=find_delivery(endpoint, delivery_id))
        return Response(delivery_as_json(delivery), status=202)
