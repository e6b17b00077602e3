"""Fast path for the status poll, the most frequent request: one statement reads key and video, without the framework.

It serves only successful requests with an API key. Any request that would fail (a session, an invalid key, an exceeded
limit, a missing video, a database outage) falls through to the normal view, so errors are produced in one place.
"""

import json
from functools import cache, partial

import structlog
from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.http.request import HttpHeaders
from django.urls import ResolverMatch, resolve

from accounts import tenancy
from accounts.auth.fast_path import authenticate_and_fetch, key_statement
from accounts.roles import Scope
from common.errors import NotFound
from common.ids import parse_public_id
from common.middleware import Step, SyncAndAsyncMiddleware
from common.ratelimit import RateLimitExceeded, hit, rate_limit_headers
from jobs.api.conditional import PRECONDITIONS
from jobs.api.presented_keys import presented_key
from jobs.api.throttling import per_minute_limits
from jobs.models import Job
from jobs.videos.api.responses import video_response

_PATH_PREFIX = "/v1/videos/"
_NAMES_OF_PRECONDITIONS = {HttpHeaders.to_wsgi_name(name) for name in PRECONDITIONS}
_MODEL_FIELDS = Job._meta.concrete_fields
_FIELD_NAMES = [field.attname for field in _MODEL_FIELDS]
_JSON_FIELD_INDEXES = [index for index, field in enumerate(_MODEL_FIELDS) if field.get_internal_type() == "JSONField"]
_STATEMENT = key_statement(
    columns=[field.column for field in _MODEL_FIELDS],
    table=Job._meta.db_table,
    condition="resource.id = %(video)s::uuid AND resource.deleted_at IS NULL",
)


class StatusFastPathMiddleware(SyncAndAsyncMiddleware):
    """Serve status polls before the middleware for sessions and languages and the URL routing; pass on all others."""

    def before(self, request: HttpRequest) -> Step | None:
        video_id = _polled_video_id(request)
        return partial(_fast_response, request, video_id) if video_id else None


def _polled_video_id(request: HttpRequest) -> str | None:
    """Return the video id of a plain status poll: a GET with an API key, without a query and preconditions."""
    if (
        request.method != "GET"
        or request.META.get("QUERY_STRING")
        or not _NAMES_OF_PRECONDITIONS.isdisjoint(request.META)
    ):
        return None
    leading, prefix, video_id = request.path_info.partition(_PATH_PREFIX)
    is_poll = prefix and not leading and "/" not in video_id and presented_key(request.headers, request.path)
    return video_id if is_poll else None


@cache
def _resolver_match() -> ResolverMatch:
    """Return the view of a status poll, for logs and metrics. It is resolved once, not for each request."""
    return resolve(f"{_PATH_PREFIX}-")


def _fast_response(request: HttpRequest, video_id: str) -> HttpResponse | None:
    try:
        parameters = {"video": parse_public_id("vid", video_id)}
        found = authenticate_and_fetch(
            presented_key(request.headers, request.path) or "",
            scope=Scope.VIDEOS_READ,
            statement=_STATEMENT,
            parameters=parameters,
        )
    except (NotFound, DatabaseError, InterfaceError):
        return None
    if found is None:
        return None
    key, row = found
    try:
        # A request that exceeds a limit is not counted, so the normal view can count it again.
        windows = hit(
            per_minute_limits(
                team_id=key.team_id,
                team_requests_per_minute=key.team_requests_per_minute,
                key_id=key.id,
                key_requests_per_minute=key.key_requests_per_minute,
            )
        )
    except RateLimitExceeded:
        return None
    request.resolver_match = _resolver_match()
    structlog.contextvars.bind_contextvars(team=key.team_id)
    tenancy.activate(team_id=key.team_id, user_id=key.creator_id, api_key_id=key.id)
    try:
        response = video_response(request, _job_from_row(row))
    except (DatabaseError, InterfaceError):
        return None
    for name, value in rate_limit_headers(windows).items():
        response[name] = value
    response["Content-Length"] = str(len(response.content))
    return response


def _job_from_row(row: tuple[object, ...]) -> Job:
    values = list(row)
    for index in _JSON_FIELD_INDEXES:
        values[index] = None if values[index] is None else json.loads(str(values[index]))
    return Job.from_db(DEFAULT_DB_ALIAS, _FIELD_NAMES, values)
