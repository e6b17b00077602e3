"""The webhook body for `webhook`, and the secret that signs it. Replicate follows Standard Webhooks, as we do."""

from typing import Any

from django.conf import settings
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.roles import Scope
from jobs.api.authentication import principal_of
from jobs.compat.replicate.serializers import prediction_as_json
from jobs.compat.views import CompatView
from jobs.models import Job
from jobs.webhooks.models import FINISHED_KINDS, EventKind
from jobs.webhooks.outbox import per_job_endpoint
from jobs.webhooks.payloads import PayloadFormat


def _body(kind: str, _timestamp: str, job: Job) -> dict[str, Any]:
    body = prediction_as_json(job, settings.SITE_URL)
    # A start event that is delivered late must not look like a completion.
    return {**body, "status": "processing", "output": None} if kind == EventKind.STARTED else body


PAYLOAD_FORMATS = {
    "replicate": PayloadFormat((EventKind.STARTED, *FINISHED_KINDS), _body),
    "replicate.start": PayloadFormat((EventKind.STARTED,), _body),
    "replicate.completed": PayloadFormat(FINISHED_KINDS, _body),
}


class SecretView(CompatView):
    scopes = {"GET": Scope.WEBHOOKS_MANAGE}

    def get(self, request: Request) -> Response:
        return Response({"key": per_job_endpoint(team_id=principal_of(request).team.pk).secret})
