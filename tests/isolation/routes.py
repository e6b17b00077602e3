"""Every URL of the site, who may do what there, and what is allowed while a user is impersonated.

Add new URLs to `ROUTES`. The first argument of each rule is what the view allows an impersonating administrator
(`accounts.auth.impersonation.Access`): nothing, reading, or also other methods.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from accounts.auth.impersonation import Access
from accounts.roles import Right, Scope

# What a method requires of an authenticated caller: a scope, a right, or nothing.
Need = Scope | Right | None
PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>|\(\?P<(\w+)>(?:[^()]|\([^()]*\))+\)")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@dataclass(frozen=True)
class Public:
    """Open without an account. It shows no data of a team or a person."""

    impersonation: Access


@dataclass(frozen=True)
class PersonPage:
    """A page of a person, not of a team. Anonymous requests are redirected to the login. API keys do not open it."""

    impersonation: Access
    # Whether the URL has the id of a person's row. Rows of another person respond like unknown ids.
    of_person: bool = False


@dataclass(frozen=True)
class Page:
    """A page of the current team: methods and what they require. Anonymous requests are redirected to the login."""

    impersonation: Access
    needs: dict[str, Need] = field(default_factory=lambda: {"GET": None})
    # Whether the URL has the id of a team's row. Rows of another team respond like unknown ids.
    of_team: bool = False
    # Whether the row does not exist in this world, so that an authorized caller gets a 404.
    is_missing: bool = False
    # The additional right to change rows of others: the member of the owner's team owns none of these rows.
    right: Right | None = None


@dataclass(frozen=True)
class Api:
    """An endpoint of the API: methods with their scopes. Keys and browser sessions may use it."""

    impersonation: Access
    needs: dict[str, Need]
    of_team: bool = False
    is_missing: bool = False
    right: Right | None = None


@dataclass(frozen=True)
class Staff:
    """The administration site: only administrators may open it."""

    impersonation: Access


Rule = Public | PersonPage | Page | Api | Staff

HOOKS, SHOW = Scope.WEBHOOKS_MANAGE, Scope.GALLERY_WRITE
NONE, READ, WRITE, END = Access

# Every page of the administration site.
ADMINISTRATION = Staff(NONE)

ROUTES: dict[str, Rule] = {
    "v1/auth": Api(NONE, {"GET": None}),
    "v1/known": Api(NONE, {"GET": None}),
    "livez": Public(READ),
    "readyz": Public(READ),
    "health": Public(READ),
    "metrics": Public(READ),  # on this machine; see tests/portal/test_metrics.py
    "language": Public(NONE),
    "admin": Public(NONE),  # redirects to admin/, which requires an administrator
    "desk/stop-viewing": Public(END),
    "desk/announcements/<int:key>/dismiss": Public(WRITE),
    # The API
    "v1/videos": Api(NONE, {"GET": Scope.VIDEOS_READ, "POST": Scope.VIDEOS_WRITE}),
    "v1/videos/<str:video_id>": Api(NONE, {"GET": Scope.VIDEOS_READ, "DELETE": Scope.VIDEOS_DELETE}, of_team=True),
    "v1/videos/<str:video_id>/content": Api(READ, {"GET": Scope.VIDEOS_READ}, of_team=True),
    "v1/videos/<str:video_id>/events": Api(READ, {"GET": Scope.VIDEOS_READ}, of_team=True),
    "v1/videos/<str:video_id>/cancel": Api(NONE, {"POST": Scope.VIDEOS_WRITE}, of_team=True),
    "v1/videos/quote": Api(NONE, {"POST": Scope.VIDEOS_WRITE}),
    "v1/videos/extensions": Api(NONE, {"POST": Scope.VIDEOS_WRITE}),
    "v1/videos/<str:video_id>/extend": Api(NONE, {"POST": Scope.VIDEOS_WRITE}, of_team=True),
    "v1/videos/<str:video_id>/remix": Api(NONE, {"POST": Scope.VIDEOS_WRITE}, of_team=True),
    "v1/models": Api(NONE, {"GET": Scope.VIDEOS_READ}),
    "v1/models/<str:model_id>": Api(NONE, {"GET": Scope.VIDEOS_READ}),
    "v1/presets": Api(NONE, {"GET": Scope.VIDEOS_READ}),
    "v1/generate": Api(NONE, {"POST": Scope.VIDEOS_WRITE}),
    "generate": Api(NONE, {"POST": Scope.VIDEOS_WRITE}),
    # The compatible APIs of other services
    "replicate/v1/predictions": Api(NONE, {"GET": Scope.VIDEOS_READ, "POST": Scope.VIDEOS_WRITE}),
    "replicate/v1/predictions/<str:video_id>": Api(NONE, {"GET": Scope.VIDEOS_READ}, of_team=True),
    "replicate/v1/predictions/<str:video_id>/cancel": Api(NONE, {"POST": Scope.VIDEOS_WRITE}, of_team=True),
    "replicate/v1/models": Api(NONE, {"GET": Scope.VIDEOS_READ}),
    "replicate/v1/models/<str:owner>/<str:name>": Api(NONE, {"GET": Scope.VIDEOS_READ}),
    "replicate/v1/models/<str:owner>/<str:name>/predictions": Api(NONE, {"POST": Scope.VIDEOS_WRITE}),
    "replicate/v1/models/<str:owner>/<str:name>/versions": Api(NONE, {"GET": Scope.VIDEOS_READ}),
    "replicate/v1/models/<str:owner>/<str:name>/versions/<str:version_id>": Api(NONE, {"GET": Scope.VIDEOS_READ}),
    "replicate/v1/files": Api(NONE, {"GET": Scope.VIDEOS_WRITE, "POST": Scope.VIDEOS_WRITE}),
    # is_missing: the first caller deletes it, and no rollback restores a file.
    "replicate/v1/files/<str:file_id>": Api(
        NONE, {"GET": Scope.VIDEOS_WRITE, "DELETE": Scope.VIDEOS_WRITE}, of_team=True, is_missing=True
    ),
    "replicate/v1/webhooks/default/secret": Api(NONE, {"GET": HOOKS}),
    "replicate/v1/<path:rest>": Public(NONE),  # nothing
    "fal/queue/<str:owner>/<str:name>/requests/<str:video_id>": Api(NONE, {"GET": Scope.VIDEOS_READ}, of_team=True),
    "fal/queue/<str:owner>/<str:name>/requests/<str:video_id>/status": Api(
        NONE, {"GET": Scope.VIDEOS_READ}, of_team=True
    ),
    "fal/queue/<str:owner>/<str:name>/requests/<str:video_id>/cancel": Api(
        NONE, {"PUT": Scope.VIDEOS_WRITE}, of_team=True
    ),
    "fal/queue/<str:owner>/<str:name>/requests/<str:video_id>/status/stream": Api(
        NONE, {"GET": Scope.VIDEOS_READ}, of_team=True
    ),
    "fal/rest/storage/upload/initiate": Api(NONE, {"POST": Scope.VIDEOS_WRITE}),
    "fal/rest/storage/upload/<str:file_id>": Public(NONE),  # for the holder of a signed link
    "fal/queue/<path:application>": Api(NONE, {"POST": Scope.VIDEOS_WRITE}),
    "fal/<path:application>": Api(NONE, {"POST": Scope.VIDEOS_WRITE}),
    "v1/openapi.json": Public(READ),
    "docs": Public(READ),
    "docs/errors": Public(READ),
    "docs/<slug:slug>": Public(READ),
    # Pages of a team
    "": Page(READ, {"GET": None, "POST": Scope.VIDEOS_WRITE}),
    "price": Page(READ, {"GET": Scope.VIDEOS_WRITE}),
    "create/settings": Page(READ, {"GET": Scope.VIDEOS_WRITE}),
    "history": Page(READ, {"GET": Scope.VIDEOS_READ}),
    "history/running": Page(READ, {"GET": Scope.VIDEOS_READ}),
    "videos/<str:video_id>": Page(READ, {"GET": Scope.VIDEOS_READ}, of_team=True),
    "videos/<str:video_id>/live": Page(READ, {"GET": Scope.VIDEOS_READ}, of_team=True),
    "videos/<str:video_id>/picture": Page(READ, {"GET": Scope.VIDEOS_READ}, of_team=True),
    "videos/<str:video_id>/last-picture": Page(READ, {"GET": Scope.VIDEOS_READ}, of_team=True),
    "videos/<str:video_id>/cancel": Page(WRITE, {"POST": Scope.VIDEOS_WRITE}, of_team=True),
    "videos/<str:video_id>/extend": Page(READ, {"POST": Scope.VIDEOS_WRITE}, of_team=True),
    "videos/<str:video_id>/delete": Page(READ, {"POST": Scope.VIDEOS_DELETE}, of_team=True),
    "api-keys": Page(READ, {"GET": None, "POST": Right.MAKE_KEYS}),
    "api-keys/team": Page(NONE, {"GET": Right.MANAGE_KEYS}),
    "api-keys/<slug:prefix>": Page(NONE, {"GET": Right.MANAGE_KEYS, "POST": Right.MANAGE_KEYS}, of_team=True),
    # Only for the creator: this one is the owner's.
    "api-keys/<slug:prefix>/rotate": Page(NONE, {"POST": Right.MAKE_KEYS}, of_team=True, right=Right.OWN_TEAM),
    "api-keys/<slug:prefix>/revoke": Page(NONE, {"POST": Right.MANAGE_KEYS}, of_team=True),
    "v1/usage": Api(NONE, {"GET": Scope.USAGE_READ}),
    "v1/limits": Api(NONE, {"GET": Scope.USAGE_READ}),
    "v1/webhooks": Api(NONE, {"GET": HOOKS, "POST": HOOKS}),
    "v1/webhooks/job-secret": Api(NONE, {"GET": HOOKS}),
    "v1/webhooks/<str:webhook_id>": Api(NONE, {"GET": HOOKS, "PATCH": HOOKS, "DELETE": HOOKS}, of_team=True),
    "v1/webhooks/<str:webhook_id>/rotate": Api(NONE, {"POST": HOOKS}, of_team=True),
    "v1/webhooks/<str:webhook_id>/ping": Api(NONE, {"POST": HOOKS}, of_team=True),
    "v1/webhooks/<str:webhook_id>/deliveries": Api(NONE, {"GET": HOOKS}, of_team=True),
    "v1/webhooks/<str:webhook_id>/deliveries/<str:delivery_id>/redeliver": Api(NONE, {"POST": HOOKS}, of_team=True),
    "v1/gallery": Api(NONE, {"GET": Scope.VIDEOS_READ, "POST": SHOW}),
    "v1/gallery/<str:publication_id>": Api(
        NONE, {"GET": Scope.VIDEOS_READ, "PATCH": SHOW, "DELETE": SHOW}, of_team=True, right=Right.CURATE_GALLERY
    ),
    "v1/gallery/<str:publication_id>/favourite": Api(
        NONE, {"PUT": Scope.VIDEOS_READ, "DELETE": Scope.VIDEOS_READ}, of_team=True
    ),
    "v1/collections": Api(NONE, {"GET": Scope.VIDEOS_READ, "POST": SHOW}, right=Right.CURATE_GALLERY),
    "v1/collections/<str:collection_id>": Api(
        NONE, {"GET": Scope.VIDEOS_READ, "PATCH": SHOW, "DELETE": SHOW}, of_team=True, right=Right.CURATE_GALLERY
    ),
    "v1/collections/<str:collection_id>/publications/<str:publication_id>": Api(
        NONE, {"PUT": SHOW, "DELETE": SHOW}, of_team=True, right=Right.CURATE_GALLERY
    ),
    "v1/share-links": Api(NONE, {"GET": SHOW, "POST": SHOW}),
    "v1/share-links/<str:link_id>": Api(NONE, {"DELETE": SHOW}, of_team=True, right=Right.CURATE_GALLERY),
    "v1/batches": Api(NONE, {"GET": Scope.VIDEOS_READ, "POST": Scope.VIDEOS_WRITE}),
    "v1/batches/<str:batch_id>": Api(NONE, {"GET": Scope.VIDEOS_READ}, of_team=True),
    "v1/batches/<str:batch_id>/items": Api(NONE, {"GET": Scope.VIDEOS_READ}, of_team=True),
    "v1/batches/<str:batch_id>/cancel": Api(NONE, {"POST": Scope.VIDEOS_WRITE}, of_team=True),
    "v1/batches/<str:batch_id>/results": Api(NONE, {"GET": Scope.VIDEOS_READ}, of_team=True),
    "batches": Page(READ, {"GET": Scope.VIDEOS_READ}),
    "batches/<str:batch_id>": Page(READ, {"GET": Scope.VIDEOS_READ}, of_team=True),
    "batches/<str:batch_id>/cancel": Page(WRITE, {"POST": Scope.VIDEOS_WRITE}, of_team=True),
    "batches/<str:batch_id>/results": Page(NONE, {"GET": Scope.VIDEOS_READ}, of_team=True),
    "webhooks": Page(NONE, {"GET": HOOKS, "POST": HOOKS}),
    "webhooks/<str:webhook_id>": Page(NONE, {"GET": HOOKS}, of_team=True),
    "webhooks/<str:webhook_id>/<slug:action>": Page(NONE, {"POST": HOOKS}, of_team=True),
    "gallery": Page(READ, {"GET": Scope.VIDEOS_READ}),
    "gallery/collections": Page(READ, {"GET": Scope.VIDEOS_READ, "POST": SHOW}, right=Right.CURATE_GALLERY),
    "gallery/collections/new": Page(READ, {"GET": Right.CURATE_GALLERY}, right=Right.CURATE_GALLERY),
    "gallery/collections/<str:collection_id>/edit": Page(
        READ, {"GET": Right.CURATE_GALLERY, "POST": SHOW}, of_team=True, right=Right.CURATE_GALLERY
    ),
    "gallery/collections/<str:collection_id>/delete": Page(
        READ, {"GET": Right.CURATE_GALLERY, "POST": SHOW}, of_team=True, right=Right.CURATE_GALLERY
    ),
    "gallery/sharing": Page(NONE, {"GET": SHOW}),
    "gallery/sharing/public-page": Page(NONE, {"POST": Right.CURATE_GALLERY}),
    "gallery/share/<str:target_id>": Page(NONE, {"GET": SHOW, "POST": SHOW}, of_team=True),
    "gallery/links/<str:link_id>/revoke": Page(NONE, {"POST": SHOW}, of_team=True, right=Right.CURATE_GALLERY),
    "gallery/publish/<str:video_id>": Page(READ, {"POST": SHOW}, of_team=True, right=Right.CURATE_GALLERY),
    "gallery/<str:publication_id>": Page(READ, {"GET": Scope.VIDEOS_READ}, of_team=True),
    "gallery/<str:publication_id>/edit": Page(READ, {"POST": SHOW}, of_team=True, right=Right.CURATE_GALLERY),
    "gallery/<str:publication_id>/unpublish": Page(READ, {"POST": SHOW}, of_team=True, right=Right.CURATE_GALLERY),
    "gallery/<str:publication_id>/favourite": Page(READ, {"POST": Scope.VIDEOS_READ}, of_team=True),
    "gallery/<str:publication_id>/collections": Page(READ, {"POST": SHOW}, of_team=True, right=Right.CURATE_GALLERY),
    # What a team shows to anyone who has the URL
    "s/<str:token>": Public(NONE),
    "s/<str:token>/<str:video_id>": Public(NONE),
    "s/<str:token>/<str:video_id>/content": Public(NONE),
    "g/<slug:slug>": Public(NONE),
    "g/<slug:slug>/<str:video_id>": Public(NONE),
    "g/<slug:slug>/<str:video_id>/content": Public(NONE),
    # The team itself
    "team": Page(READ, {"GET": None, "POST": Right.MANAGE_MEMBERS}),
    "team/invitations/<int:invitation_id>/resend": Page(NONE, {"POST": Right.MANAGE_MEMBERS}, of_team=True),
    "team/invitations/<int:invitation_id>/withdraw": Page(NONE, {"POST": Right.MANAGE_MEMBERS}, of_team=True),
    "team/members/<int:user_id>": Page(NONE, {"GET": Right.MANAGE_MEMBERS, "POST": Right.MANAGE_MEMBERS}, of_team=True),
    "team/members/<int:user_id>/remove": Page(NONE, {"POST": Right.MANAGE_MEMBERS}, of_team=True),
    "team/log": Page(READ, {"GET": Right.SEE_AUDIT_LOG}),
    "team/leave": Page(NONE, {"POST": None}),
    "team/new": Page(READ, {"GET": None, "POST": None}),
    "team/switch": Page(WRITE, {"POST": None}, is_missing=True),
    "team/settings": Page(READ, {"GET": Right.MANAGE_TEAM, "POST": Right.MANAGE_TEAM}),
    "team/hand-over": Page(NONE, {"POST": Right.OWN_TEAM}, is_missing=True),
    "team/close": Page(NONE, {"POST": Right.OWN_TEAM}),
    "team/keep": Page(NONE, {"POST": Right.OWN_TEAM}),
    "join/<str:secret>": Public(NONE),
    "docs/roles": Public(READ),
    "usage": Page(READ, {"GET": Scope.USAGE_READ}),
    "usage.csv": Page(NONE, {"GET": Scope.USAGE_READ}),
    "usage/notices/<str:key>/dismiss": Page(READ, {"POST": None}, is_missing=True),
    # Pages of a person
    "account/data": PersonPage(NONE),
    "account/data/export": PersonPage(NONE),
    "account/data/<uuid:export_id>": PersonPage(NONE, of_person=True),
    "account": PersonPage(NONE),
    "account/sessions/<int:session_id>/end": PersonPage(NONE, of_person=True),
    "account/close": PersonPage(NONE),
    "account/closed": Public(NONE),
    # allauth
    "accounts/login/": Public(NONE),
    "accounts/logout/": Public(END),
    "accounts/inactive/": Public(NONE),
    "accounts/signup/": Public(NONE),
    "accounts/reauthenticate/": PersonPage(NONE),
    "accounts/email/": PersonPage(NONE),
    "accounts/confirm-email/": Public(NONE),
    "accounts/password/change/": PersonPage(NONE),
    "accounts/password/set/": PersonPage(NONE),
    "accounts/password/reset/": Public(NONE),
    "accounts/password/reset/done/": Public(NONE),
    "accounts/password/reset/key/done/": Public(NONE),
    "accounts/^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$": Public(NONE),
    "accounts/login/code/confirm/": Public(NONE),
    "accounts/2fa/": PersonPage(NONE),
    "accounts/2fa/authenticate/": Public(NONE),
    "accounts/2fa/reauthenticate/": PersonPage(NONE),
    "accounts/2fa/totp/activate/": PersonPage(NONE),
    "accounts/2fa/totp/deactivate/": PersonPage(NONE),
    "accounts/2fa/recovery-codes/": PersonPage(NONE),
    "accounts/2fa/recovery-codes/generate/": PersonPage(NONE),
    "accounts/2fa/recovery-codes/download/": PersonPage(NONE),
    "accounts/2fa/webauthn/": PersonPage(NONE),
    "accounts/2fa/webauthn/add/": PersonPage(NONE),
    "accounts/2fa/webauthn/reauthenticate/": PersonPage(NONE),
    "accounts/2fa/webauthn/keys/<int:pk>/remove/": PersonPage(NONE, of_person=True),
    "accounts/2fa/webauthn/keys/<int:pk>/edit/": PersonPage(NONE, of_person=True),
    "accounts/2fa/webauthn/login/": Public(NONE),
    "accounts/3rdparty/": PersonPage(NONE),
    "accounts/3rdparty/login/cancelled/": Public(NONE),
    "accounts/3rdparty/login/error/": Public(NONE),
    "accounts/3rdparty/signup/": Public(NONE),
    "accounts/social/login/cancelled/": Public(NONE),
    "accounts/social/login/error/": Public(NONE),
    "accounts/social/signup/": Public(NONE),
    "accounts/social/connections/": Public(NONE),
    "accounts/oidc/<str:provider_id>/login/": Public(NONE),
    "accounts/oidc/^(?P<provider_id>[^/]+)/login/": Public(NONE),
    "accounts/oidc/^(?P<provider_id>[^/]+)/login/callback/": Public(NONE),
    "accounts/sessions/": PersonPage(NONE),
}

# Query strings with ids of the owner's team, which are tested in addition to the plain URL.
QUERIES = {
    "": "like={video_id}",
    "price": "like={video_id}",
    "create/settings": "like={video_id}",
    "history": "q=dusk&after={video_id}",
    "history/running": "ids={video_id}",
    "v1/videos": "q=dusk&after={video_id}",
    "replicate/v1/predictions": "cursor={video_id}",
    "v1/batches": "after={batch_id}",
    "batches": "after={batch_id}",
}


def all_views() -> dict[str, Callable[..., Any]]:
    """Return the view of every URL of the URL configuration, by the URL as its patterns are written.

    Of several patterns with the same URL the first one counts, as in Django.
    """
    return dict(reversed(list(_walk(get_resolver().url_patterns))))


def all_routes() -> list[str]:
    """Return every URL of the URL configuration outside the administration site."""
    return [route for route in all_views() if not route.startswith("admin/")]


def rule_of(route: str) -> Rule:
    return ADMINISTRATION if route.startswith("admin/") else ROUTES[route]


def _walk(patterns: list[URLPattern | URLResolver], prefix: str = "") -> Iterator[tuple[str, Callable[..., Any]]]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, route)
        else:
            yield route, pattern.callback
