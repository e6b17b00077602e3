"""Every URL of the site, and who may do what there. Add new URLs to `ROUTES`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from django.urls import URLPattern, URLResolver, get_resolver

from accounts.roles import Right, Scope

# What a method requires of an authenticated caller: a scope, a right, or nothing.
Need = Scope | Right | None
PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>|\(\?P<(\w+)>(?:[^()]|\([^()]*\))+\)")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@dataclass(frozen=True)
class Public:
    """Open without an account. It shows no data of a team or a person."""


@dataclass(frozen=True)
class SignedIn:
    """A page of a person, not of a team. Anonymous requests are redirected to the login. API keys do not open it."""

    # Whether the URL has the id of a person's row. Rows of another person respond like unknown ids.
    of_person: bool = False


@dataclass(frozen=True)
class Page:
    """A page of the current team: methods and what they require. Anonymous requests are redirected to the login."""

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

    needs: dict[str, Need]
    of_team: bool = False
    is_missing: bool = False
    right: Right | None = None


@dataclass(frozen=True)
class Staff:
    """The administration site: only administrators may open it."""


Rule = Public | SignedIn | Page | Api | Staff

HOOKS, SHOW = Scope.WEBHOOKS_MANAGE, Scope.GALLERY_WRITE

ROUTES: dict[str, Rule] = {
    "v1/auth": Api({"GET": None}),
    "v1/known": Api({"GET": None}),
    "livez": Public(),
    "readyz": Public(),
    "health": Public(),
    "metrics": Public(),  # on this machine; see tests/portal/test_metrics.py
    "language": Public(),
    "admin": Public(),  # redirects to admin/, which requires an administrator
    "desk/stop-viewing": Public(),
    "desk/announcements/<int:key>/dismiss": Public(),
    # The API
    "v1/videos": Api({"GET": Scope.VIDEOS_READ, "POST": Scope.VIDEOS_WRITE}),
    "v1/videos/<str:video_id>": Api({"GET": Scope.VIDEOS_READ, "DELETE": Scope.VIDEOS_DELETE}, of_team=True),
    "v1/videos/<str:video_id>/content": Api({"GET": Scope.VIDEOS_READ}, of_team=True),
    "v1/videos/<str:video_id>/events": Api({"GET": Scope.VIDEOS_READ}, of_team=True),
    "v1/videos/<str:video_id>/cancel": Api({"POST": Scope.VIDEOS_WRITE}, of_team=True),
    "v1/videos/quote": Api({"POST": Scope.VIDEOS_WRITE}),
    "v1/videos/<str:video_id>/remix": Api({"POST": Scope.VIDEOS_WRITE}, of_team=True),
    "v1/models": Api({"GET": Scope.VIDEOS_READ}),
    "v1/presets": Api({"GET": Scope.VIDEOS_READ}),
    "v1/generate": Api({"POST": Scope.VIDEOS_WRITE}),
    "generate": Api({"POST": Scope.VIDEOS_WRITE}),
    # The compatible APIs of other services
    "replicate/v1/predictions": Api({"GET": Scope.VIDEOS_READ, "POST": Scope.VIDEOS_WRITE}),
    "replicate/v1/predictions/<str:video_id>": Api({"GET": Scope.VIDEOS_READ}, of_team=True),
    "replicate/v1/predictions/<str:video_id>/cancel": Api({"POST": Scope.VIDEOS_WRITE}, of_team=True),
    "replicate/v1/models": Api({"GET": Scope.VIDEOS_READ}),
    "replicate/v1/models/<str:owner>/<str:name>": Api({"GET": Scope.VIDEOS_READ}),
    "replicate/v1/models/<str:owner>/<str:name>/predictions": Api({"POST": Scope.VIDEOS_WRITE}),
    "replicate/v1/models/<str:owner>/<str:name>/versions": Api({"GET": Scope.VIDEOS_READ}),
    "replicate/v1/models/<str:owner>/<str:name>/versions/<str:version_id>": Api({"GET": Scope.VIDEOS_READ}),
    "replicate/v1/files": Api({"GET": Scope.VIDEOS_WRITE, "POST": Scope.VIDEOS_WRITE}),
    # is_missing: the first caller deletes it, and no rollback restores a file.
    "replicate/v1/files/<str:file_id>": Api(
        {"GET": Scope.VIDEOS_WRITE, "DELETE": Scope.VIDEOS_WRITE}, of_team=True, is_missing=True
    ),
    "replicate/v1/webhooks/default/secret": Api({"GET": HOOKS}),
    "replicate/v1/<path:rest>": Public(),  # nothing
    "fal/queue/<str:owner>/<str:name>/requests/<str:video_id>": Api({"GET": Scope.VIDEOS_READ}, of_team=True),
    "fal/queue/<str:owner>/<str:name>/requests/<str:video_id>/status": Api({"GET": Scope.VIDEOS_READ}, of_team=True),
    "fal/queue/<str:owner>/<str:name>/requests/<str:video_id>/cancel": Api({"PUT": Scope.VIDEOS_WRITE}, of_team=True),
    "fal/queue/<path:application>": Api({"POST": Scope.VIDEOS_WRITE}),
    "fal/<path:application>": Api({"POST": Scope.VIDEOS_WRITE}),
    "v1/openapi.json": Public(),
    "docs": Public(),
    "docs/errors": Public(),
    "docs/<slug:slug>": Public(),
    # Pages of a team
    "": Page({"GET": None, "POST": Scope.VIDEOS_WRITE}),
    "price": Page({"GET": Scope.VIDEOS_WRITE}),
    "history": Page({"GET": Scope.VIDEOS_READ}),
    "history/running": Page({"GET": Scope.VIDEOS_READ}),
    "videos/<str:video_id>": Page({"GET": Scope.VIDEOS_READ}, of_team=True),
    "videos/<str:video_id>/live": Page({"GET": Scope.VIDEOS_READ}, of_team=True),
    "videos/<str:video_id>/picture": Page({"GET": Scope.VIDEOS_READ}, of_team=True),
    "videos/<str:video_id>/cancel": Page({"POST": Scope.VIDEOS_WRITE}, of_team=True),
    "videos/<str:video_id>/delete": Page({"POST": Scope.VIDEOS_DELETE}, of_team=True),
    "api-keys": Page({"GET": None, "POST": Right.MAKE_KEYS}),
    "api-keys/team": Page({"GET": Right.MANAGE_KEYS}),
    "api-keys/<slug:prefix>": Page({"GET": Right.MANAGE_KEYS, "POST": Right.MANAGE_KEYS}, of_team=True),
    # Only for the creator: this one is the owner's.
    "api-keys/<slug:prefix>/rotate": Page({"POST": Right.MAKE_KEYS}, of_team=True, right=Right.OWN_TEAM),
    "api-keys/<slug:prefix>/revoke": Page({"POST": Right.MANAGE_KEYS}, of_team=True),
    "v1/usage": Api({"GET": Scope.USAGE_READ}),
    "v1/limits": Api({"GET": Scope.USAGE_READ}),
    "v1/webhooks": Api({"GET": HOOKS, "POST": HOOKS}),
    "v1/webhooks/job-secret": Api({"GET": HOOKS}),
    "v1/webhooks/<str:webhook_id>": Api({"GET": HOOKS, "PATCH": HOOKS, "DELETE": HOOKS}, of_team=True),
    "v1/webhooks/<str:webhook_id>/rotate": Api({"POST": HOOKS}, of_team=True),
    "v1/webhooks/<str:webhook_id>/ping": Api({"POST": HOOKS}, of_team=True),
    "v1/webhooks/<str:webhook_id>/deliveries": Api({"GET": HOOKS}, of_team=True),
    "v1/webhooks/<str:webhook_id>/deliveries/<str:delivery_id>/redeliver": Api({"POST": HOOKS}, of_team=True),
    "v1/gallery": Api({"GET": Scope.VIDEOS_READ, "POST": SHOW}),
    "v1/gallery/<str:publication_id>": Api(
        {"GET": Scope.VIDEOS_READ, "PATCH": SHOW, "DELETE": SHOW}, of_team=True, right=Right.CURATE_GALLERY
    ),
    "v1/gallery/<str:publication_id>/favourite": Api(
        {"PUT": Scope.VIDEOS_READ, "DELETE": Scope.VIDEOS_READ}, of_team=True
    ),
    "v1/collections": Api({"GET": Scope.VIDEOS_READ, "POST": SHOW}, right=Right.CURATE_GALLERY),
    "v1/collections/<str:collection_id>": Api(
        {"GET": Scope.VIDEOS_READ, "PATCH": SHOW, "DELETE": SHOW}, of_team=True, right=Right.CURATE_GALLERY
    ),
    "v1/collections/<str:collection_id>/publications/<str:publication_id>": Api(
        {"PUT": SHOW, "DELETE": SHOW}, of_team=True, right=Right.CURATE_GALLERY
    ),
    "v1/share-links": Api({"GET": SHOW, "POST": SHOW}),
    "v1/share-links/<str:link_id>": Api({"DELETE": SHOW}, of_team=True, right=Right.CURATE_GALLERY),
    "v1/batches": Api({"GET": Scope.VIDEOS_READ, "POST": Scope.VIDEOS_WRITE}),
    "v1/batches/<str:batch_id>": Api({"GET": Scope.VIDEOS_READ}, of_team=True),
    "v1/batches/<str:batch_id>/items": Api({"GET": Scope.VIDEOS_READ}, of_team=True),
    "v1/batches/<str:batch_id>/cancel": Api({"POST": Scope.VIDEOS_WRITE}, of_team=True),
    "v1/batches/<str:batch_id>/results": Api({"GET": Scope.VIDEOS_READ}, of_team=True),
    "batches": Page({"GET": Scope.VIDEOS_READ}),
    "batches/<str:batch_id>": Page({"GET": Scope.VIDEOS_READ}, of_team=True),
    "batches/<str:batch_id>/cancel": Page({"POST": Scope.VIDEOS_WRITE}, of_team=True),
    "batches/<str:batch_id>/results": Page({"GET": Scope.VIDEOS_READ}, of_team=True),
    "webhooks": Page({"GET": HOOKS, "POST": HOOKS}),
    "webhooks/<str:webhook_id>": Page({"GET": HOOKS}, of_team=True),
    "webhooks/<str:webhook_id>/<slug:action>": Page({"POST": HOOKS}, of_team=True),
    "gallery": Page({"GET": Scope.VIDEOS_READ}),
    "gallery/collections": Page({"GET": Scope.VIDEOS_READ, "POST": SHOW}, right=Right.CURATE_GALLERY),
    "gallery/collections/new": Page({"GET": Right.CURATE_GALLERY}, right=Right.CURATE_GALLERY),
    "gallery/collections/<str:collection_id>/edit": Page(
        {"GET": Right.CURATE_GALLERY, "POST": SHOW}, of_team=True, right=Right.CURATE_GALLERY
    ),
    "gallery/collections/<str:collection_id>/delete": Page(
        {"GET": Right.CURATE_GALLERY, "POST": SHOW}, of_team=True, right=Right.CURATE_GALLERY
    ),
    "gallery/sharing": Page({"GET": SHOW}),
    "gallery/sharing/public-page": Page({"POST": Right.CURATE_GALLERY}),
    "gallery/share/<str:target_id>": Page({"GET": SHOW, "POST": SHOW}, of_team=True),
    "gallery/links/<str:link_id>/revoke": Page({"POST": SHOW}, of_team=True, right=Right.CURATE_GALLERY),
    "gallery/publish/<str:video_id>": Page({"POST": SHOW}, of_team=True, right=Right.CURATE_GALLERY),
    "gallery/<str:publication_id>": Page({"GET": Scope.VIDEOS_READ}, of_team=True),
    "gallery/<str:publication_id>/edit": Page({"POST": SHOW}, of_team=True, right=Right.CURATE_GALLERY),
    "gallery/<str:publication_id>/unpublish": Page({"POST": SHOW}, of_team=True, right=Right.CURATE_GALLERY),
    "gallery/<str:publication_id>/favourite": Page({"POST": Scope.VIDEOS_READ}, of_team=True),
    "gallery/<str:publication_id>/collections": Page({"POST": SHOW}, of_team=True, right=Right.CURATE_GALLERY),
    # What a team shows to anyone who has the URL
    "s/<str:token>": Public(),
    "s/<str:token>/<str:video_id>": Public(),
    "s/<str:token>/<str:video_id>/content": Public(),
    "g/<slug:slug>": Public(),
    "g/<slug:slug>/<str:video_id>": Public(),
    "g/<slug:slug>/<str:video_id>/content": Public(),
    # The team itself
    "team": Page({"GET": None, "POST": Right.MANAGE_MEMBERS}),
    "team/invitations/<int:invitation_id>/resend": Page({"POST": Right.MANAGE_MEMBERS}, of_team=True),
    "team/invitations/<int:invitation_id>/withdraw": Page({"POST": Right.MANAGE_MEMBERS}, of_team=True),
    "team/members/<int:user_id>": Page({"GET": Right.MANAGE_MEMBERS, "POST": Right.MANAGE_MEMBERS}, of_team=True),
    "team/members/<int:user_id>/remove": Page({"POST": Right.MANAGE_MEMBERS}, of_team=True),
    "team/log": Page({"GET": Right.SEE_AUDIT_LOG}),
    "team/leave": Page({"POST": None}),
    "team/new": Page({"GET": None, "POST": None}),
    "team/switch": Page({"POST": None}, is_missing=True),
    "team/settings": Page({"GET": Right.MANAGE_TEAM, "POST": Right.MANAGE_TEAM}),
    "team/hand-over": Page({"POST": Right.OWN_TEAM}, is_missing=True),
    "team/close": Page({"POST": Right.OWN_TEAM}),
    "team/keep": Page({"POST": Right.OWN_TEAM}),
    "join/<str:secret>": Public(),
    "docs/roles": Public(),
    "usage": Page({"GET": Scope.USAGE_READ}),
    "usage.csv": Page({"GET": Scope.USAGE_READ}),
    "usage/notices/<str:key>/dismiss": Page({"POST": None}, is_missing=True),
    # Pages of a person
    "account/data": SignedIn(),
    "account/data/export": SignedIn(),
    "account/data/<uuid:export_id>": SignedIn(of_person=True),
    "account": SignedIn(),
    "account/sessions/<int:session_id>/end": SignedIn(of_person=True),
    "account/close": SignedIn(),
    "account/closed": Public(),
    # allauth
    "accounts/login/": Public(),
    "accounts/logout/": Public(),
    "accounts/inactive/": Public(),
    "accounts/signup/": Public(),
    "accounts/reauthenticate/": SignedIn(),
    "accounts/email/": SignedIn(),
    "accounts/confirm-email/": Public(),
    "accounts/password/change/": SignedIn(),
    "accounts/password/set/": SignedIn(),
    "accounts/password/reset/": Public(),
    "accounts/password/reset/done/": Public(),
    "accounts/password/reset/key/done/": Public(),
    "accounts/^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$": Public(),
    "accounts/login/code/confirm/": Public(),
    "accounts/2fa/": SignedIn(),
    "accounts/2fa/authenticate/": Public(),
    "accounts/2fa/reauthenticate/": SignedIn(),
    "accounts/2fa/totp/activate/": SignedIn(),
    "accounts/2fa/totp/deactivate/": SignedIn(),
    "accounts/2fa/recovery-codes/": SignedIn(),
    "accounts/2fa/recovery-codes/generate/": SignedIn(),
    "accounts/2fa/recovery-codes/download/": SignedIn(),
    "accounts/2fa/webauthn/": SignedIn(),
    "accounts/2fa/webauthn/add/": SignedIn(),
    "accounts/2fa/webauthn/reauthenticate/": SignedIn(),
    "accounts/2fa/webauthn/keys/<int:pk>/remove/": SignedIn(of_person=True),
    "accounts/2fa/webauthn/keys/<int:pk>/edit/": SignedIn(of_person=True),
    "accounts/2fa/webauthn/login/": Public(),
    "accounts/3rdparty/": SignedIn(),
    "accounts/3rdparty/login/cancelled/": Public(),
    "accounts/3rdparty/login/error/": Public(),
    "accounts/3rdparty/signup/": Public(),
    "accounts/social/login/cancelled/": Public(),
    "accounts/social/login/error/": Public(),
    "accounts/social/signup/": Public(),
    "accounts/social/connections/": Public(),
    "accounts/oidc/<str:provider_id>/login/": Public(),
    "accounts/oidc/^(?P<provider_id>[^/]+)/login/": Public(),
    "accounts/oidc/^(?P<provider_id>[^/]+)/login/callback/": Public(),
    "accounts/sessions/": SignedIn(),
}

# Query strings with ids of the owner's team, which are tested in addition to the plain URL.
QUERIES = {
    "": "like={video_id}",
    "price": "like={video_id}",
    "history": "q=dusk&after={video_id}",
    "history/running": "ids={video_id}",
    "v1/videos": "q=dusk&after={video_id}",
    "replicate/v1/predictions": "cursor={video_id}",
    "v1/batches": "after={batch_id}",
    "batches": "after={batch_id}",
}


def all_routes() -> list[str]:
    """Return every URL of the URL configuration, as its patterns are written."""
    return [route for route in _walk(get_resolver().url_patterns) if not route.startswith("admin/")]


def _walk(patterns: list[URLPattern | URLResolver], prefix: str = "") -> Iterator[str]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, route)
        else:
            yield route
