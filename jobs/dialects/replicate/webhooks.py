"""A prediction on its way to `webhook`, and the secret that signs it: Replicate follows Standard Webhooks, as we do."""

from typing import Any

from django.conf import settings
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.roles import Scope
from jobs.api.authentication import principal_of
from jobs.dialects.replicate.shapes import prediction_as_json
from jobs.dialects.views import DialectView
from jobs.models import Job
from jobs.webhooks.forms import Form
from jobs.webhooks.models import ENDS, Kind
from jobs.webhooks.outbox import endpoint_of_jobs


def _body(kind: str, _timestamp: str, job: Job) -> dict[str, Any]:
    body = prediction_as_json(job, settings.SITE_URL)
    # A start that is told late must not look like the end.
    return {**body, "status": "processing", "output": None} if kind == Kind.STARTED else body


FORMS = {
    "replicate": Form((Kind.STARTED, *ENDS), _body),
    "replicate.start": Form((Kind.STARTED,), _body),
    "replicate.completed": Form(ENDS, _body),
}


class SecretView(DialectView):
    scopes = {"GET": Scope.WEBHOOKS_MANAGE}

    def get(self, request: Request) -> Response:
        return Response({"key": endpoint_of_jobs(team_id=principal_of(request).team.pk).secret})
