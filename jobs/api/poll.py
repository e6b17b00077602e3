"""The status poll, the call that comes most often: key and video by one statement, past most of the framework.

It answers what goes well, for an API key. Everything else (a session, a key that is not in order, a limit, no such
video, a database that is away) is left to the ordinary view, which says what is the matter: there is one way of
refusing.
"""

import json
from functools import cache, partial

import structlog
from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.urls import ResolverMatch, resolve

from accounts import tenancy
from accounts.quick_key import key_and_thing, look_with_key
from accounts.roles import Scope
from common.errors import NotFound
from common.ids import parse_public_id
from common.middleware import Step, SyncAndAsyncMiddleware
from common.ratelimit import RateLimited, hit
from jobs.api.authentication import presented_key
from jobs.api.calls import rates, window_headers
from jobs.api.state import state_answer
from jobs.models import Job

_BEFORE_ID = "/v1/videos/"
_FIELDS = Job._meta.concrete_fields
_NAMES = [field.attname for field in _FIELDS]
_JSON = [index for index, field in enumerate(_FIELDS) if field.get_internal_type() == "JSONField"]
_LOOK = key_and_thing(
    columns=[field.column for field in _FIELDS],
    table=Job._meta.db_table,
    condition="thing.id = %(video)s::uuid AND thing.deleted_at IS NULL",
)


class PollMiddleware(SyncAndAsyncMiddleware):
    """Answers polls before sessions, languages, forms and routes are looked at; lets everything else pass."""

    def before(self, request: HttpRequest) -> Step | None:
        video_id = _polled_video(request)
        return partial(_poll, request, video_id) if video_id else None


def _polled_video(request: HttpRequest) -> str | None:
    """The id in the address of a request that is a poll as nearly all are: a GET without a query, by a key."""
    if request.method != "GET" or request.META.get("QUERY_STRING"):
        return None
    before, prefix, video_id = request.path_info.partition(_BEFORE_ID)
    is_poll = prefix and not before and "/" not in video_id and presented_key(request)
    return video_id if is_poll else None


@cache
def _match() -> ResolverMatch:
    """The view that a poll belongs to, for logs and counts: looked up once, not with each call."""
    return resolve(f"{_BEFORE_ID}-")


def _poll(request: HttpRequest, video_id: str) -> HttpResponse | None:
    try:
        parameters = {"video": parse_public_id("vid", video_id)}
        found = look_with_key(
            presented_key(request) or "", scope=Scope.VIDEOS_READ, statement=_LOOK, parameters=parameters
        )
    except (NotFound, DatabaseError, InterfaceError):
        return None
    if found is None:
        return None
    key, row = found
    try:
        # Refused calls count against no limit, so that the ordinary view may ask once more.
        windows = hit(rates(team_id=key.team_id, team_rate=key.team_rate, key_id=key.id, key_rate=key.key_rate))
    except RateLimited:
        return None
    request.resolver_match = _match()
    structlog.contextvars.bind_contextvars(team=key.team_id)
    tenancy.enter(team_id=key.team_id, user_id=key.creator_id, api_key_id=key.id)
    try:
        answer = state_answer(request, _job(row))
    except (DatabaseError, InterfaceError):
        return None
    for name, value in window_headers(windows).items():
        answer[name] = value
    answer["Content-Length"] = str(len(answer.content))
    return answer


def _job(row: tuple[object, ...]) -> Job:
    values = list(row)
    for index in _JSON:
        values[index] = json.loads(str(values[index]))
    return Job.from_db(DEFAULT_DB_ALIAS, _NAMES, values)
