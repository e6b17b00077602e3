"""A request in a foreign language becomes an ordinary job: the same checks, quotas and prices as in our own."""

from typing import Any

from django.urls import reverse
from rest_framework.request import Request

from inference.catalogue import ModelSpec
from jobs.api.authentication import principal_of
from jobs.api.videos import checked_body
from jobs.dialects.inputs import translate
from jobs.dialects.uploads import Shelf
from jobs.models import Job
from jobs.requests import VideoRequestSerializer
from jobs.services.submit import submit_body


def shelf_of(request: Request) -> Shelf:
    """What the caller's team has uploaded."""
    return Shelf(principal_of(request).team, request.build_absolute_uri(reverse("replicate:files") + "/"))


def submit(
    request: Request,
    *,
    spec: ModelSpec,
    given: Any,
    beside: dict[str, Any],
    webhook_form: str,
    cancel_after_seconds: int | None = None,
) -> Job:
    """The accepted job. `given`: the model's inputs; `beside`: fields of ours that were said in another place.

    Raises what our own submit raises, about the names that were sent.
    """
    principal = principal_of(request)
    translation = translate(given, shelf=shelf_of(request))
    with translation.in_their_words():
        return submit_body(
            principal=principal,
            values=checked_body(VideoRequestSerializer, {**translation.body, **beside, "model": spec.name}),
            idempotency_key=request.headers.get("Idempotency-Key"),
            cancel_after_seconds=cancel_after_seconds,
            webhook_form=webhook_form,
        )
