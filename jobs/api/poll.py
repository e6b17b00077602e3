"""The status poll, the call that comes most often: key and video in one round trip, past the framework's machinery.

It answers what goes well, for an API key. Everything else (a session, a key that is not in order, a limit, no such
video) is left to the ordinary view, which says what is the matter: there is one way of refusing.
"""

import json

import structlog
from django.http import HttpRequest, HttpResponse

from accounts import tenancy
from accounts.quick_key import look_with_key
from accounts.roles import Scope
from accounts.tenancy.postgres.round_trip import OWN_TEAM
from common.errors import NotFound
from common.ids import parse_public_id
from common.ratelimit import RateLimited, hit
from jobs.api.authentication import presented_key
from jobs.api.calls import rates, window_headers
from jobs.api.state import state_answer
from jobs.models import Job

_FIELDS = Job._meta.concrete_fields
_NAMES = [field.attname for field in _FIELDS]
_JSON = [index for index, field in enumerate(_FIELDS) if field.get_internal_type() == "JSONField"]
_LOOK = (
    f"SELECT {', '.join(field.column for field in _FIELDS)} FROM jobs_job"  # noqa: S608 (names of the model's own)
    f" WHERE id = %(video)s::uuid AND team_id = {OWN_TEAM} AND deleted_at IS NULL"
)


def is_poll(request: HttpRequest) -> bool:
    """Whether a request is one as nearly all are: a GET without a query, by a key."""
    return request.method == "GET" and not request.META.get("QUERY_STRING") and presented_key(request) is not None


def poll(request: HttpRequest, video_id: str) -> HttpResponse | None:
    """The answer, or None where the ordinary view has to give it."""
    try:
        parameters = {"video": parse_public_id("vid", video_id)}
    except NotFound:
        return None
    found = look_with_key(presented_key(request) or "", scope=Scope.VIDEOS_READ, statement=_LOOK, parameters=parameters)
    if found is None:
        return None
    key, row = found
    try:
        # Refused calls count against no limit, so that the ordinary view may ask once more.
        windows = hit(rates(team_id=key.team_id, team_rate=key.team_rate, key_id=key.id, key_rate=key.key_rate))
    except RateLimited:
        return None
    structlog.contextvars.bind_contextvars(team=key.team_id)
    tenancy.enter(team_id=key.team_id, user_id=key.creator_id, api_key_id=key.id)
    answer = state_answer(request, _job(row))
    for name, value in window_headers(windows).items():
        answer[name] = value
    return answer


def _job(row: tuple[object, ...]) -> Job:
    values = list(row)
    for index in _JSON:
        values[index] = json.loads(str(values[index]))
    return Job.from_db("default", _NAMES, values)
