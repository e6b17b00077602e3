"""Requests of the compatibility layer become ordinary jobs: with the checks, quotas and prices of our own API."""

from contextlib import ExitStack
from typing import Any

from django.urls import reverse
from rest_framework.request import Request

from inference.models.descriptor import ModelDescriptor
from jobs.api.authentication import principal_of
from jobs.api.validation import validate
from jobs.compat.inputs import translate_inputs
from jobs.compat.uploads import UploadStore
from jobs.models import Job
from jobs.videos.idempotency import build_idempotency_key, build_running_key, release_finished_key, without_nulls
from jobs.videos.serializers import VideoRequestSerializer
from jobs.videos.services import submit_video
from jobs.videos.submission import VideoRequest, build_request


def upload_store_of(request: Request) -> UploadStore:
    """Return the uploads of the caller's team."""
    return UploadStore(principal_of(request).team, request.build_absolute_uri(reverse("replicate:files") + "/"))


def submit(
    request: Request,
    *,
    descriptor: ModelDescriptor,
    inputs: Any,
    extra_fields: dict[str, Any],
    webhook_format: str,
    cancel_after_seconds: int | None = None,
    joins_running: bool = False,
) -> Job:
    """Return the accepted job.

    inputs: the model's inputs, in the client's names. extra_fields: our fields that the client sent elsewhere.
    joins_running: return the running job of an equal request of this person, for clients that repeat a request whose
    response took too long.
    Raises what `submit_video` raises, with the names that the client sent.
    """
    principal = principal_of(request)
    client_body = {**extra_fields, "input": without_nulls(inputs), "model": descriptor.name}
    idempotency = build_idempotency_key(request.headers.get("Idempotency-Key"), client_body)
    if idempotency is None and joins_running:
        idempotency = build_running_key(principal.user.pk, client_body)
        release_finished_key(team_id=principal.team.pk, key=idempotency)
    with ExitStack() as renaming:

        def build() -> VideoRequest:
            # Not for a replay, which needs no uploads: they expire after an hour.
            translation = translate_inputs(inputs, uploads=upload_store_of(request))
            # From here on, errors name our fields.
            renaming.enter_context(translation.rename_error_fields())
            values = validate(VideoRequestSerializer, {**translation.body, **extra_fields, "model": descriptor.name})
            return build_request(
                values,
                team=principal.team,
                cancel_after_seconds=cancel_after_seconds,
                webhook_format=webhook_format,
            )

        return submit_video(principal=principal, build=build, idempotency=idempotency)
