"""Every URL x every method as an impersonating administrator: allowed as the table says, recorded, and no secret shown.

A request that is denied changes no table but the audit log; a page that may be read changes none.
"""

import re
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.conf import settings
from django.db import connection
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

from accounts import tenancy
from accounts.audit.models import AuditEntry, Verb
from accounts.auth.impersonation import SAFE_METHODS, Access, access_of
from portal import urls as site_urls
from portal.admin.models import Impersonation
from portal.urls import handler404, handler500  # noqa: F401 (a URL configuration names them)
from tests.isolation.routes import METHODS, QUERIES, ROUTES, Public, all_views, rule_of
from tests.isolation.test_matrix import Caller, ids_of_owner, test_every_url_is_in_the_table, url_of
from tests.isolation.world import World
from tests.support.administrators import run_action
from tests.support.people import Person

CODE = "impersonation_denied"
AUDIT_TABLE = AuditEntry._meta.db_table
# Anyone who has such a URL can download the video for an hour.
SIGNED_URL = re.compile(r"token=\d+\.\d+\.")
# Parameters of URLs of the administration site.
ADMIN_PARAMETERS = {
    "url": "x",
    "content_type_id": 1,
    "object_id": 1,
    "app_label": "accounts",
    "queue_index": 0,
    "job_id": "x",
    "result_id": "x",
    "key": "x",
    "model_name": "camera",
}


def writes() -> dict[str, tuple[int, ...]]:
    """Return how many rows of each table this transaction has inserted, updated and deleted so far."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname, n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_xact_user_tables")
        return {name: tuple(counts) for name, *counts in cursor.fetchall()}


@dataclass(frozen=True)
class Observation:
    """What a request did: its response, the tables that it changed, and the entries that it added to the audit log."""

    response: Any
    changed: set[str]
    entries: list[AuditEntry]

    @property
    def text(self) -> str:
        response = self.response
        body = response.getvalue() if response.streaming else response.content
        return f"{body.decode(errors='replace')} {sorted(response.headers.items())}"

    @property
    def is_denied(self) -> bool:
        return self.response.status_code == 403 and any(row.verb == Verb.IMPERSONATION_DENIED for row in self.entries)


class ImpersonatingCaller(Caller):
    """The browser of an administrator who impersonates the owner of a team."""

    def __init__(self, administrator: Person, owner: Person) -> None:
        super().__init__("administrator")
        self.client = administrator.client
        run_action(administrator, f"/admin/accounts/user/{owner.user.pk}/view_as/", reason="a ticket")
        administrator.post("/team/switch", {"team": owner.team.pk})
        self.client.cookies.pop("messages", None)
        self.impersonation = Impersonation.objects.get()
        self.entries_before = AuditEntry.objects.count()

    def observe(self, method: str, url: str) -> Observation:
        @tenancy.unscoped()
        def seen() -> tuple[dict[str, Any], list[AuditEntry]]:
            return writes(), list(AuditEntry.objects.order_by("id")[self.entries_before :])

        before = writes()
        response = self.request(method, url, observe=seen)
        after, entries = self.seen
        return Observation(response, {name for name in after if after[name] != before[name]}, entries)


@pytest.fixture
def secrets(world: World) -> dict[str, str]:
    """The owner's secrets by name."""
    totp = generate_totp_secret()
    TOTP.activate(world.owner.user, totp)
    codes = RecoveryCodes.activate(world.owner.user).get_unused_codes()
    job_secret = world.owner.get("/v1/webhooks/job-secret").json()["secret"]
    return {
        "API key": world.owner.key,
        "webhook secret": world.hook.secret,
        "secret of webhooks of single videos": job_secret,
        "share link": world.link.token,
        "authenticator app": totp,
        "recovery code": codes[0],
        "session": world.owner.cookie,
        "password": world.owner.user.password,
    }


@pytest.fixture
def caller(world: World, secrets: dict[str, str], adele: Person) -> ImpersonatingCaller:
    return ImpersonatingCaller(adele, world.owner)


def shown(text: str, secrets: dict[str, str]) -> list[str]:
    """Return the names of the secrets in a text."""
    found = [name for name, secret in secrets.items() if secret in text]
    return [*found, "signed URL"] if SIGNED_URL.search(text) else found


def check(caller: ImpersonatingCaller, access: Access, method: str, url: str, secrets: dict[str, str]) -> None:
    """Check a request against what the table says."""
    seen = caller.observe(method, url)
    where = f"{method} {url}: {seen.response.status_code}, changed {seen.changed}"
    is_safe = method in SAFE_METHODS
    assert seen.response.status_code < 500, where
    assert shown(seen.text, secrets) == [], where
    if url.startswith(settings.UNLOGGED_PATHS):
        assert (seen.is_denied, seen.changed) == (False, set()), where  # without a user
    elif access is Access.NONE or (access is Access.READ and not is_safe):
        check_denied(caller, seen, method, url)
    elif is_safe:
        assert (seen.is_denied, seen.changed) == (False, set()), where
    elif access is Access.WRITE:
        assert not seen.is_denied, where
        act = next(row for row in seen.entries if row.verb == Verb.IMPERSONATION_ACT)
        check_names(caller, act, method, url)
    else:
        assert seen.entries[0].verb == Verb.IMPERSONATION_ENDED, where
        assert {Verb.IMPERSONATION_ACT, Verb.IMPERSONATION_DENIED}.isdisjoint(row.verb for row in seen.entries), where


def check_denied(caller: ImpersonatingCaller, seen: Observation, method: str, url: str) -> None:
    where = f"{method} {url}: {seen.response.status_code}, changed {seen.changed}"
    assert seen.is_denied, where
    assert seen.changed == {AUDIT_TABLE}, where
    (entry,) = seen.entries
    check_names(caller, entry, method, url)
    if method == "HEAD":
        return
    if url.endswith("/generate"):
        body = seen.response.json()
        assert (body["code"], "Stop the impersonation" in body["error"]) == ("PERMISSION_DENIED", True), where
    else:
        assert CODE in seen.text, where
        assert "stop-viewing" in seen.text, where


def check_names(caller: ImpersonatingCaller, entry: AuditEntry, method: str, url: str) -> None:
    """Check that an entry names both people and the request, without the secret of its URL."""
    impersonation = caller.impersonation
    assert (entry.actor_id, entry.impersonator_id) == (impersonation.person_id, impersonation.administrator_id)
    assert entry.changes["method"] == [None, method]
    path = entry.changes["path"][1]
    assert path.startswith(f"/{url.split('/')[1].partition('?')[0]}"), path
    assert not any(secret in path for secret in ("t" * 43, "s" * 43, "1-c0ffee")), path


def test_each_view_has_the_mark_in_the_table() -> None:
    views = all_views()
    assert {route: access_of(view) for route, view in views.items()} == {
        route: rule_of(route).impersonation for route in views
    }


@pytest.mark.parametrize("access", list(Access))
def test_what_is_allowed(access: Access, world: World, caller: ImpersonatingCaller, secrets: dict[str, str]) -> None:
    ids = ids_of_owner(world)
    routes = [route for route, rule in ROUTES.items() if rule.impersonation is access]
    urls = [url_of(route, ids | {"key": 1} if "<int:key>" in route else ids) for route in routes]
    urls += [f"{url_of(route, ids)}?{QUERIES[route].format(**ids)}" for route in routes if route in QUERIES]
    wrong = []
    for url, method in product(urls, METHODS):
        try:
            check(caller, access, method, url, secrets)
        except AssertionError as error:
            wrong.append(str(error))
    assert wrong == []


def test_nothing_is_allowed_on_the_administration_site(caller: ImpersonatingCaller, secrets: dict[str, str]) -> None:
    routes = [route for route in all_views() if route.startswith("admin/")]
    assert len(routes) > 100
    for route in routes:
        for method in ("GET", "POST"):
            check(caller, Access.NONE, method, url_of(route, ADMIN_PARAMETERS), secrets)


@pytest.mark.parametrize("method", ["TRACE", "PROPFIND"])
def test_an_unusual_method_is_denied(method: str, caller: ImpersonatingCaller) -> None:
    assert caller.observe(method, "/history").is_denied


def test_urls_that_open_something_are_denied(world: World, caller: ImpersonatingCaller) -> None:
    """The table names unknown tokens; these exist."""
    for url in (f"/s/{world.link.token}", f"/s/{world.link.token}/{world.done.public_id}/content"):
        seen = caller.observe("GET", url)
        check_denied(caller, seen, "GET", url)
        assert world.link.token not in str(seen.entries[0].changes)


@pytest.mark.parametrize("variant", ["gif", "spritesheet"])
def test_reading_creates_no_file(variant: str, world: World, caller: ImpersonatingCaller) -> None:
    """These variants are rendered and stored when they are requested for the first time."""
    url = f"/v1/videos/{world.done.public_id}/content?variant={variant}"
    check_denied(caller, caller.observe("GET", url), "GET", url)
    assert caller.observe("GET", url.partition("?")[0]).response.status_code == 200


def test_the_owner_sees_these_secrets(world: World, secrets: dict[str, str]) -> None:
    """Without an impersonation the same URLs show secrets, so the tests above can fail."""
    urls = ["/v1/webhooks/job-secret", "/gallery/sharing", f"/replicate/v1/predictions/{world.done.public_id}"]
    found = [name for url in urls for name in shown(world.owner.get(url).content.decode(), secrets)]
    assert found == ["secret of webhooks of single videos", "share link", "signed URL"]


def test_every_write_is_noticed(world: World) -> None:
    before = writes()
    type(world.done).objects.filter(pk=world.done.pk).update(prompt=F("prompt"))
    assert {name for name, found in writes().items() if found != before[name]} == {world.done._meta.db_table}


def _new_page(request: HttpRequest) -> HttpResponse:
    return HttpResponse("a new page")


# A URL configuration with a page that nobody has marked, nor entered in the table.
urlpatterns = [*site_urls.urlpatterns, path("new-page", _new_page)]


@pytest.mark.urls("tests.isolation.test_impersonation")
def test_a_new_url_fails_until_somebody_decides(
    adele: Person, alice: Person, anonymous: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AssertionError, match=r"Enter these urls in ROUTES .*new-page"):
        test_every_url_is_in_the_table()
    with pytest.raises(KeyError, match="new-page"):
        test_each_view_has_the_mark_in_the_table()
    with pytest.raises(TypeError, match="impersonation"):
        Public()  # type: ignore[call-arg]
    monkeypatch.setitem(ROUTES, "new-page", Public(Access.READ))
    with pytest.raises(AssertionError):
        test_each_view_has_the_mark_in_the_table()
    assert anonymous.get("/new-page").content == b"a new page"
    assert ImpersonatingCaller(adele, alice).observe("GET", "/new-page").is_denied
