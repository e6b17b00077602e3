"""A result on its way to `fal_webhook`, signed as Standard Webhooks has it."""

from typing import Any

from django.conf import settings

from jobs.dialects.fal.shapes import result_as_json, why_not
from jobs.models import Job
from jobs.states import State
from jobs.webhooks.forms import Form
from jobs.webhooks.models import ENDS


def _body(_kind: str, _timestamp: str, job: Job) -> dict[str, Any]:
    about = {"request_id": job.public_id, "gateway_request_id": job.public_id}
    if job.state == State.COMPLETED:
        return {**about, "status": "OK", "error": None, "payload": result_as_json(job, settings.SITE_URL)}
    message, code = why_not(job)
    return {**about, "status": "ERROR", "error": message, "payload": {"detail": message, "error_type": code}}


FORMS = {"fal": Form(ENDS, _body)}
