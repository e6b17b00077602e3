"""The webhook body for `fal_webhook`. It is signed as Standard Webhooks specifies."""

from typing import Any

from django.conf import settings

from jobs.compat.fal.serializers import failure_reason, result_as_json
from jobs.models import Job
from jobs.states import State
from jobs.webhooks.models import FINISHED_KINDS
from jobs.webhooks.payloads import PayloadFormat


def _body(_kind: str, _timestamp: str, job: Job) -> dict[str, Any]:
    common = {"request_id": job.public_id, "gateway_request_id": job.public_id}
    if job.state == State.COMPLETED:
        return {**common, "status": "OK", "error": None, "payload": result_as_json(job, settings.SITE_URL)}
    error, code = failure_reason(job)
    message = str(error)
    return {**common, "status": "ERROR", "error": message, "payload": {"detail": message, "error_type": code}}


PAYLOAD_FORMATS = {"fal": PayloadFormat(FINISHED_KINDS, _body)}
