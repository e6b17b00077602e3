"""A request in a foreign language becomes an ordinary job: the same checks, quotas and prices as in our own."""

from dataclasses import replace
from typing import Any

from django.urls import reverse
from rest_framework.request import Request

from inference.catalogue import ModelSpec
from jobs.api.authentication import principal_of
from jobs.api.validation import validate
from jobs.compat.inputs import translate_inputs
from jobs.compat.uploads import UploadStore
from jobs.models import Job
from jobs.videos.idempotency import build_idempotency_key, find_replayed_job
from jobs.videos.serializers import VideoRequestSerializer
from jobs.videos.services import submit_job
from jobs.videos.submission import build_request


def upload_store_of(request: Request) -> UploadStore:
    """What the caller's team has uploaded."""
    return UploadStore(principal_of(request).team, request.build_absolute_uri(reverse("replicate:files") + "/"))


def submit(
    request: Request,
    *,
    spec: ModelSpec,
    inputs: Any,
    extra_fields: dict[str, Any],
    webhook_format: str,
    cancel_after_seconds: int | None = None,
) -> Job:
    """The accepted job. `given`: the model's inputs; `beside`: fields of ours that were said in another place.

    Raises what our own submit raises, about the names that were sent.
    """
    principal = principal_of(request)
    sent = {**extra_fields, "input": inputs, "model": spec.name}
    idempotency = build_idempotency_key(request.headers.get("Idempotency-Key"), sent)
    # Before the inputs are looked at: what was uploaded for them is gone after an hour, and the answer is known.
    if idempotency and (job := find_replayed_job(team_id=principal.team.pk, idempotency=idempotency)):
        return job
    translation = translate_inputs(inputs, uploads=upload_store_of(request))
    with translation.rename_error_fields():
        values = validate(VideoRequestSerializer, {**translation.body, **extra_fields, "model": spec.name})
        wanted = build_request(values, team=principal.team, cancel_after_seconds=cancel_after_seconds)
        order = replace(wanted, webhook_format=webhook_format)
        return submit_job(principal=principal, request=order, idempotency=idempotency)
