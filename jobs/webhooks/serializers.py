"""Endpoints and deliveries as the API accepts and returns them."""

from ipaddress import ip_address
from typing import Annotated, Literal, NotRequired, TypedDict
from urllib.parse import urlsplit

from django.conf import settings
from rest_framework import serializers

from common.clock import unix_seconds
from common.ssrf import is_public
from jobs.api.field_errors import field_error
from jobs.api.fields import ChoiceField, HttpUrlField, ShortListField, StrictBooleanField, StrictSerializer, TextField
from jobs.api.shapes import Text, serializer_of
from jobs.webhooks.models import FINISHED_KINDS, Delivery, DeliveryAttempt, DisabledReason, Endpoint, EventKind

EVENTS = EventKind.values
SUBSCRIBABLE_EVENTS = [kind.value for kind in EventKind if kind != EventKind.PING]
_MAX_OVERLAP_HOURS = 7 * 24
_MAX_EVENTS = 50


class NewWebhookSerializer(StrictSerializer):
    url = HttpUrlField(help_text="URL that receives the events")
    events = ShortListField(
        child=ChoiceField(choices=SUBSCRIBABLE_EVENTS),
        max_length=_MAX_EVENTS,
        allow_empty=False,
        default=[kind.value for kind in FINISHED_KINDS],
        help_text="events to send; if absent, those of finished videos",
    )
    description = TextField(max_length=200, required=False, allow_blank=True)

    def validate_url(self, url: str) -> str:
        """Reject private IP addresses, which deliveries do not use. Host names are resolved at delivery only."""
        if not settings.WEBHOOKS_ALLOW_PRIVATE_IPS and _is_private(urlsplit(url).hostname or ""):
            raise field_error(
                "Webhooks cannot be sent to private IP addresses. Use a URL that is reachable from the internet.",
                code="private_address",
            )
        return url


def _is_private(host: str) -> bool:
    try:
        return not is_public(ip_address(host))
    except ValueError:
        return host == "localhost"


class WebhookChangesSerializer(NewWebhookSerializer):
    url = HttpUrlField(required=False)
    events = ShortListField(
        child=ChoiceField(choices=SUBSCRIBABLE_EVENTS), max_length=_MAX_EVENTS, allow_empty=False, required=False
    )
    enabled = StrictBooleanField(
        required=False, help_text="true also enables a webhook that was disabled after failures"
    )


class RotationSerializer(StrictSerializer):
    overlap_hours = serializers.IntegerField(
        min_value=0,
        max_value=_MAX_OVERLAP_HOURS,
        default=24,
        help_text="hours in which deliveries also have a signature by the former secret",
    )


class WebhookShape(TypedDict):
    """An endpoint. `secret` is present only in the responses that create or rotate it."""

    id: str
    object: Literal["webhook"]
    url: str
    description: Text
    events: list[Annotated[str, {"choices": SUBSCRIBABLE_EVENTS}]]
    enabled: bool
    disabled_reason: Annotated[str | None, {"choices": DisabledReason.values}]
    failing_since: int | None
    former_secret_until: int | None
    created_at: int
    secret: NotRequired[str]


class JobSecretShape(TypedDict):
    secret: str


class AttemptShape(TypedDict):
    number: int
    at: int
    seconds: float
    status: int | None
    response_excerpt: Annotated[Text, {"help_text": "the first 1000 bytes of the response"}]
    error: Annotated[str | None, {"help_text": "why there was no usable response"}]
    answer: Annotated[Text, {"help_text": "deprecated: the former name of `response_excerpt`"}]
    trouble: Annotated[str | None, {"help_text": "deprecated: the former name of `error`"}]


class DeliveryShape(TypedDict):
    id: str
    object: Literal["webhook.delivery"]
    event_id: str
    event: Annotated[str, {"choices": EVENTS}]
    video: str | None
    state: Annotated[str, {"choices": Delivery.State.values}]
    tries: int
    created_at: int
    next_try_at: int | None
    attempts: list[AttemptShape]


WebhookSerializer = serializer_of(WebhookShape)
DeliverySerializer = serializer_of(DeliveryShape)


def webhook_as_json(endpoint: Endpoint, *, with_secret: bool = False) -> WebhookShape:
    """Return the endpoint as JSON."""
    shape: WebhookShape = {
        "id": endpoint.public_id,
        "object": "webhook",
        "url": endpoint.url,
        "description": endpoint.description,
        "events": endpoint.kinds,
        "enabled": endpoint.disabled_at is None,
        "disabled_reason": endpoint.disabled_reason or None,
        "failing_since": unix_seconds(endpoint.failing_since),
        "former_secret_until": unix_seconds(endpoint.former_until),
        "created_at": unix_seconds(endpoint.created_at),
    }
    if with_secret:
        shape["secret"] = endpoint.secret
    return shape


def delivery_as_json(delivery: Delivery) -> DeliveryShape:
    """Return the delivery as JSON. `job` and `attempts` should be fetched with it."""
    return {
        "id": delivery.public_id,
        "object": "webhook.delivery",
        "event_id": delivery.event_id,
        "event": delivery.kind,
        "video": delivery.job.public_id if delivery.job else None,
        "state": delivery.state,
        "tries": delivery.tries,
        "created_at": unix_seconds(delivery.created_at),
        "next_try_at": unix_seconds(delivery.next_try_at),
        "attempts": [_attempt_as_json(attempt) for attempt in delivery.attempts.all()],
    }


def _attempt_as_json(attempt: DeliveryAttempt) -> AttemptShape:
    error = str(attempt.error_message) or None
    return {
        "number": attempt.number,
        "at": unix_seconds(attempt.at),
        "seconds": attempt.seconds,
        "status": attempt.status,
        "response_excerpt": attempt.response_excerpt,
        "error": error,
        "answer": attempt.response_excerpt,
        "trouble": error,
    }
