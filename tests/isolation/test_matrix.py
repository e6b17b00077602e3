"""Every URL x every method x every caller: who is authorized, and that nobody sees rows of another team."""

import re
from collections.abc import Callable
from http.cookies import SimpleCookie
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from accounts.models import ApiKey
from accounts.roles import RIGHTS_OF_ROLE, SCOPES_OF_ROLE, Right, Role, Scope
from common.ids import public_id
from common.redis_client import redis_client
from tests.isolation.routes import (
    METHODS,
    PARAMETER,
    QUERIES,
    ROUTES,
    Api,
    Need,
    Page,
    PersonPage,
    Public,
    Rule,
    Staff,
    all_routes,
)
from tests.isolation.world import World
from tests.support.people import Person

# Parts that differ between two equal responses.
NOISE = re.compile(
    r"""csrfmiddlewaretoken" value="\w+"|"X-CSRFToken": ?"\w+"|nonce="[^"]+"|'nonce-[^']+'|"request_id": ?"[^"]*"|"""
    r"""name="form_key"\s+value="\w+\""""
)
ROLES = {"owner": Role.OWNER, "admin": Role.ADMIN, "member": Role.MEMBER, "viewer": Role.VIEWER, "mallory": Role.OWNER}
# Parameters of URLs that belong to no team.
TEAMLESS = {
    "owner": "mutoscope",
    "name": "camera",
    "version_id": "camera",
    "model_id": "camera",
    "application": "mutoscope/camera",
    "rest": "nothing/here",
}
SERVED, LOGIN, UNKNOWN, FORBIDDEN, ABSENT, NO_METHOD = "served", "login", 401, 403, 404, 405


class Caller:
    """A person with a browser, or a program with a key."""

    def __init__(self, name: str, *, person: Person | None = None, headers: dict[str, str] | None = None) -> None:
        self.name, self.headers = name, headers
        self.client = person.new_browser() if person else Client(raise_request_exception=False, headers=headers)
        self.role = ROLES.get(name)

    def request(self, method: str, url: str, observe: Callable[[], Any] = bool) -> Any:
        """Return the response. Its changes are rolled back after `observe` has stored its result in `seen`."""
        redis_client().flushdb()  # rate limits
        with transaction.atomic():
            cookies = SimpleCookie(self.client.cookies)
            response = self.client.generic(method, url, b"{}" if self.headers else b"", "application/json")
            self.client.cookies = cookies
            self.seen = observe()
            transaction.set_rollback(True)
        return response


def callers(world: World, need: Need) -> list[Caller]:
    """Return callers with browsers, then with keys of the owner: valid, revoked, expired, and without the scope."""
    keys = {name: world.owner.key_headers() for name in ("key", "revoked", "expired")}
    made = dict(zip(keys, ApiKey.objects.filter(name="test").order_by("id"), strict=True))
    ApiKey.objects.filter(pk=made["revoked"].pk).update(revoked_at=timezone.now())
    ApiKey.objects.filter(pk=made["expired"].pk).update(expires_at=timezone.now())
    keys["scopeless"] = world.owner.key_headers(*(scope for scope in Scope if scope != need))
    people = [Caller(name, person=getattr(world, name)) for name in ROLES]
    return [*people, Caller("anonymous"), *(Caller(name, headers=key) for name, key in keys.items())]


def url_of(route: str, values: dict[str, Any]) -> str:
    route = PARAMETER.sub(lambda found: str(values[found[1] or found[2]]), route)
    return "/" + route.replace("^", "").replace("$", "")


def ids_of_owner(world: World) -> dict[str, Any]:
    """Return ids of the owner's team for URLs, by the parameter's name."""
    return {
        "video_id": world.done.public_id,
        "prefix": world.key.prefix,
        "publication_id": world.publication.public_id,
        "collection_id": world.collection.public_id,
        "link_id": world.link.public_id,
        "target_id": world.publication.public_id,
        "webhook_id": public_id("whk", world.hook.id),
        "delivery_id": world.delivery.public_id,
        "batch_id": world.batch.public_id,
        "action": "ping",
        "invitation_id": world.invitation.pk,
        "user_id": world.member.user.pk,
        "file_id": world.upload.public_id,
        **TEAMLESS,
        # Parameters that open something to anyone who has them are unknown here.
        "token": "t" * 43,
        "slug": "no-such-page",
        "secret": "s" * 43,
        "export_id": UUID(int=0),
        "session_id": 1,
        "pk": 1,
        "uidb36": "1",
        "key": "c0ffee-c0ffee",
        "provider_id": "company",
    }


def missing_ids() -> dict[str, Any]:
    """Return unknown ids for the parameters that name rows of a team."""
    kinds = {
        "video": "vid",
        "publication": "pub",
        "collection": "col",
        "link": "shr",
        "target": "pub",
        "webhook": "whk",
        "file": "file",
        "batch": "batch",
    }
    named = {f"{name}_id": f"{prefix}_{'0' * 32}" for name, prefix in kinds.items()}
    numbers = {"invitation_id": 10**9, "user_id": 10**9}
    return {**TEAMLESS, **named, **numbers, "prefix": "0" * 12, "delivery_id": "dlv_" + "0" * 32, "action": "ping"}


def outcome(response: Any) -> str | int:
    assert response.status_code < 500, response.content
    if response.status_code == 302 and response["Location"].startswith("/accounts/login/"):
        return LOGIN
    return response.status_code if response.status_code in {UNKNOWN, FORBIDDEN, ABSENT, NO_METHOD} else SERVED


def holds(role: Role, need: Need) -> bool:
    if isinstance(need, Right):
        return need in RIGHTS_OF_ROLE[role]
    return need is None or need in SCOPES_OF_ROLE[role]


def expected(rule: Rule, method: str, caller: Caller) -> set[str | int]:
    """Return the outcomes that the rule allows."""
    by_kind: dict[type, Callable[..., set[str | int]]] = {Api: _of_api, Page: _of_page, PersonPage: _of_person}
    if isinstance(rule, Staff):
        return {LOGIN, FORBIDDEN, ABSENT}
    if isinstance(rule, Public):
        return {SERVED, LOGIN, UNKNOWN, FORBIDDEN, ABSENT, NO_METHOD}
    return by_kind[type(rule)](rule, method, caller)


def _of_api(rule: Api, method: str, caller: Caller) -> set[str | int]:
    method = "GET" if method == "HEAD" and "GET" in rule.needs else method
    if caller.name in {"revoked", "expired", "anonymous"}:
        return {UNKNOWN}
    if method not in rule.needs:
        return {SERVED, NO_METHOD} if method == "OPTIONS" else {NO_METHOD}
    need = rule.needs[method]
    if (caller.name == "scopeless" and need is not None) or (caller.role and not holds(caller.role, need)):
        return {FORBIDDEN}
    return _of_authorized(rule, method, caller)


def _of_page(rule: Page, method: str, caller: Caller) -> set[str | int]:
    method = "GET" if method == "HEAD" and "GET" in rule.needs else method
    if method not in rule.needs:
        return {NO_METHOD}
    if caller.role is None:
        return {LOGIN}
    if not holds(caller.role, rule.needs[method]):
        return {FORBIDDEN, ABSENT}
    return _of_authorized(rule, method, caller)


def _of_authorized(rule: Api | Page, method: str, caller: Caller) -> set[str | int]:
    """Return the outcomes for a caller who has what the method requires."""
    if rule.of_team and caller.name == "mallory":
        return {ABSENT}
    if rule.right and caller.role and method not in {"GET", "HEAD"} and not holds(caller.role, rule.right):
        return {FORBIDDEN, ABSENT}
    return {SERVED, ABSENT} if rule.is_missing else {SERVED}


def _of_person(rule: PersonPage, method: str, caller: Caller) -> set[str | int]:
    if caller.role is None:
        return {LOGIN, NO_METHOD} if method in {"GET", "POST", "HEAD"} else {LOGIN, NO_METHOD, FORBIDDEN, SERVED}
    return {SERVED, ABSENT, NO_METHOD, FORBIDDEN}


def leaks(response: Any, world: World, url: str) -> list[str]:
    """Return texts of the owner's team in a response, except those that the caller sent."""
    text = (response.getvalue() if response.streaming else response.content).decode(errors="replace")
    text += repr(sorted(response.headers.items()))
    for sent in {*ids_of_owner(world).values(), *url.partition("?")[2].split("&")}:
        text = text.replace(str(sent), "") if len(str(sent)) > 8 else text
    return [secret for secret in world.secrets if secret in text]


def test_every_url_is_in_the_table() -> None:
    found = all_routes()
    new, gone = sorted(set(found) - set(ROUTES)), sorted(set(ROUTES) - set(found))
    assert not new, (
        f"Enter these urls in ROUTES of tests/isolation/routes.py, with who may ask what: {new}. "
        "Parameters that the tests do not know yet go into ids_of_owner() and missing_ids() of test_matrix.py."
    )
    assert not gone, f"These are no urls any more: take them out of ROUTES in tests/isolation/routes.py: {gone}"


@pytest.mark.parametrize("route", sorted(ROUTES))
def test_who_may_do_what(route: str, world: World) -> None:
    rule = ROUTES[route]
    needs = rule.needs if isinstance(rule, Api | Page) else {}
    url = url_of(route, ids_of_owner(world))
    for need in set(needs.values()) or {None}:
        methods = [method for method in METHODS if needs.get("GET" if method == "HEAD" else method) == need]
        for caller in callers(world, need):
            for method in methods:
                response = caller.request(method, url)
                who = f"{method} {url} as {caller.name}: {response.status_code}"
                assert outcome(response) in expected(rule, method, caller), who
                if caller.name in {"mallory", "anonymous", "revoked", "expired"}:
                    assert leaks(response, world, url) == [], who
        ApiKey.objects.filter(name="test").delete()


@pytest.mark.parametrize("route", sorted(QUERIES))
def test_query_strings_with_foreign_ids_disclose_nothing(route: str, world: World) -> None:
    url = f"{url_of(route, ids_of_owner(world))}?{QUERIES[route].format(**ids_of_owner(world))}"
    for caller in callers(world, None):
        if caller.name in {"mallory", "anonymous", "revoked", "expired"}:
            assert leaks(caller.request("GET", url), world, url) == [], caller.name


def steady_headers(response: Any) -> str:
    """Return the headers that must be equal for equal responses; the parts of the CSP come in any order."""
    unsteady = {"X-Request-Id", "X-Fal-Request-Id", "Content-Length"}
    return repr(sorted((name, sorted(value.split("; "))) for name, value in response.items() if name not in unsteady))


@pytest.mark.parametrize("route", sorted(route for route, rule in ROUTES.items() if getattr(rule, "of_team", False)))
def test_rows_of_another_team_respond_like_unknown_ids(route: str, world: World) -> None:
    for caller in (Caller("mallory", person=world.mallory), Caller("key", headers=world.mallory.key_headers())):
        for method in METHODS:
            responses = []
            for values in (ids_of_owner(world), missing_ids()):
                url = url_of(route, values)
                response = caller.request(method, url)
                text = NOISE.sub("", response.content.decode(errors="replace") + steady_headers(response))
                text = text.replace(url, "…")  # pages link to themselves, with the id in the URL
                for name in (found[1] or found[2] for found in PARAMETER.finditer(route)):
                    text = text.replace(str(values[name]), "…") if len(str(values[name])) > 8 else text
                responses.append((response.status_code, text))
            assert responses[0] == responses[1], f"{method} {route}"
