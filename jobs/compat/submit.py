"""Requests of the compatibility layer become ordinary jobs: with the checks, quotas and prices of our own API."""

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
    """Return the uploads of the caller's team."""
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
    """Return the accepted job.

    inputs: the model's inputs, in the client's names. extra_fields: our fields that the client sent elsewhere.
    Raises what `submit_job` raises, with the names that the client sent.
    """
    principal = principal_of(request)
    sent = {**extra_fields, "input": inputs, "model": spec.name}
    idempotency = build_idempotency_key(request.headers.get("Idempotency-Key"), sent)
    # Before the inputs are translated: their uploads expire after an hour, and a replay does not need them.
    if idempotency and (job := find_replayed_job(team_id=principal.team.pk, idempotency=idempotency)):
        return job
    translation = translate_inputs(inputs, uploads=upload_store_of(request))
    with translation.rename_error_fields():
        values = validate(VideoRequestSerializer, {**translation.body, **extra_fields, "model": spec.name})
        video_request = build_request(values, team=principal.team, cancel_after_seconds=cancel_after_seconds)
        video_request = replace(video_request, webhook_format=webhook_format)
        return submit_job(principal=principal, request=video_request, idempotency=idempotency)
