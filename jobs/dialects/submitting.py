"""A request in a foreign language becomes an ordinary job: the same checks, quotas and prices as in our own."""

from dataclasses import replace
from typing import Any

from django.urls import reverse
from rest_framework.request import Request

from inference.catalogue import ModelSpec
from jobs.api.authentication import principal_of
from jobs.api.videos import checked_body
from jobs.dialects.inputs import translate
from jobs.dialects.uploads import Shelf
from jobs.models import Job
from jobs.requests import VideoRequestSerializer, resolve
from jobs.services.idempotency import idempotency_of, replay
from jobs.services.submit import submit_job


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
    sent = {**beside, "input": given, "model": spec.name}
    idempotency = idempotency_of(request.headers.get("Idempotency-Key"), sent)
    # Before the inputs are looked at: what was uploaded for them is gone after an hour, and the answer is known.
    if idempotency and (job := replay(team_id=principal.team.pk, idempotency=idempotency)):
        return job
    translation = translate(given, shelf=shelf_of(request))
    with translation.in_their_words():
        values = checked_body(VideoRequestSerializer, {**translation.body, **beside, "model": spec.name})
        wanted = resolve(values, team=principal.team, cancel_after_seconds=cancel_after_seconds)
        order = replace(wanted, webhook_form=webhook_form)
        return submit_job(principal=principal, request=order, idempotency=idempotency)
