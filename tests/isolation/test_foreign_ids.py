"""Ids of another team in bodies, in query strings, and in rows of a person respond like unknown ids."""

import json
from datetime import timedelta
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.db import transaction
from django.utils import timezone

from common.ids import public_id
from common.redis_client import redis_client
from jobs.exports.models import Export
from jobs.galleries.models import Collection, Publication
from jobs.states import State
from jobs.webhooks.models import Endpoint
from tests.isolation.routes import PARAMETER, ROUTES, PersonPage, Public
from tests.isolation.test_matrix import NOISE, Caller, ids_of_owner, leaks, missing_ids, steady_headers, url_of
from tests.isolation.test_without_filters import rows_of
from tests.isolation.world import World, make_job

# Method, URL, body. {braces} are ids, of the owner's team or unknown; [brackets] are Mallory's own rows.
API = [
    ("GET", "/v1/videos?after={video_id}", None),
    ("GET", "/v1/gallery?after={publication_id}", None),
    ("GET", "/v1/gallery?collection={collection_id}", None),
    ("GET", "/v1/collections?after={collection_id}", None),
    ("GET", "/v1/share-links?after={link_id}", None),
    ("GET", "/v1/share-links?target={video_id}", None),
    ("GET", "/v1/share-links?target={collection_id}", None),
    ("GET", "/v1/webhooks?after={webhook_id}", None),
    ("GET", "/v1/webhooks/[webhook]/deliveries?after={delivery_id}", None),
    ("POST", "/v1/webhooks/[webhook]/deliveries/{delivery_id}/redeliver", {}),
    ("POST", "/v1/gallery", {"video": "{video_id}", "caption": "mine now", "public": True}),
    ("POST", "/v1/share-links", {"target": "{video_id}"}),
    ("POST", "/v1/share-links", {"target": "{publication_id}"}),
    ("POST", "/v1/share-links", {"target": "{collection_id}"}),
    ("PUT", "/v1/collections/[collection]/publications/{publication_id}", None),
    ("PUT", "/v1/collections/{collection_id}/publications/[publication]", None),
    ("DELETE", "/v1/collections/{collection_id}/publications/[publication]", None),
]
PAGES = [
    ("GET", "/?like={video_id}", None),
    ("GET", "/price?like={video_id}", None),
    ("GET", "/history?after={video_id}", None),
    ("GET", "/history/running?ids={video_id}", None),
    ("GET", "/gallery?after={publication_id}", None),
    ("GET", "/gallery?collection={collection_id}", None),
    ("GET", "/gallery?who={user_id}", None),
    ("GET", "/gallery/sharing?after={link_id}", None),
    ("POST", "/gallery/[publication]/collections", {"collections": ["{collection_id}"]}),
    ("POST", "/webhooks/[webhook]/redeliver", {"delivery": "{delivery_id}"}),
    ("POST", "/team/switch", {"team": "{team_id}"}),
    ("POST", "/team/hand-over", {"user": "{user_id}"}),
    ("GET", "/usage?member={user_id}&key={prefix}", None),
    ("GET", "/team/log?person={user_id}&who={user_id}", None),
]


def unknown_ids() -> dict[str, Any]:
    return missing_ids() | {"team_id": 10**9}


@pytest.fixture
def own(world: World) -> dict[str, str]:
    """Return the ids of Mallory's own rows, by the name in brackets."""
    hers = world.mallory
    job = make_job(hers, State.COMPLETED, prompt="hers")
    publication = Publication.objects.create(
        team=hers.team, job=job, publisher=hers.user, model=job.model, search_text="hers"
    )
    hook = Endpoint.objects.create(team=hers.team, url="https://example.com/hers", kinds=[], secret="whsec_hers")
    return {
        "webhook": public_id("whk", hook.id),
        "publication": publication.public_id,
        "collection": Collection.objects.create(team=hers.team, name="hers").public_id,
    }


def filled(text: str, ids: dict[str, Any], own: dict[str, str]) -> str:
    for name, value in ids.items():
        text = text.replace(f"{{{name}}}", str(value))
    for name, value in own.items():
        text = text.replace(f"[{name}]", value)
    return text


def normalized(response: Any, ids: dict[str, Any]) -> tuple[int, str]:
    """Return status and text of a response, without the ids that were sent."""
    text = NOISE.sub("", response.content.decode(errors="replace") + steady_headers(response))
    for value in sorted(map(str, ids.values()), key=len, reverse=True):
        text = text.replace(value, "…") if len(value) > 8 else text
    return response.status_code, text


def test_ids_in_api_calls(world: World, own: dict[str, str]) -> None:
    caller = Caller("key", headers=world.mallory.key_headers())
    before = rows_of(world.owner.team)
    for method, url, body in API:
        responses = []
        for ids in (ids_of_owner(world), unknown_ids()):
            redis_client().flushdb()
            with transaction.atomic():
                content = filled(json.dumps(body), ids, own) if body is not None else ""
                sent_url = filled(url, ids, own)
                response = caller.client.generic(method, sent_url, content, "application/json")
                assert response.status_code < 500, sent_url
                assert leaks(response, world, sent_url) == [], sent_url
                assert rows_of(world.owner.team) == before, f"{method} {sent_url} changed a row of the owner's team"
                transaction.set_rollback(True)
            responses.append(normalized(response, ids))
        assert responses[0] == responses[1], f"{method} {url} {body}"


def test_ids_in_pages(world: World, own: dict[str, str]) -> None:
    browser = world.mallory.new_browser()
    before = rows_of(world.owner.team)
    for method, url, body in PAGES:
        responses = []
        for ids in (ids_of_owner(world) | {"team_id": world.owner.team.pk}, unknown_ids()):
            redis_client().flushdb()
            with transaction.atomic():
                sent_url, cookies = filled(url, ids, own), SimpleCookie(browser.cookies)
                if body is None:
                    response = browser.get(sent_url)
                else:
                    response = browser.post(sent_url, json.loads(filled(json.dumps(body), ids, own)))
                browser.cookies = cookies  # messages for the next page
                assert response.status_code < 500, sent_url
                assert leaks(response, world, sent_url) == [], sent_url
                assert rows_of(world.owner.team) == before, f"{method} {sent_url} changed a row of the owner's team"
                transaction.set_rollback(True)
            status, text = normalized(response, ids)
            responses.append((status, text.replace(f"={ids['user_id']}", "=…")))
        assert responses[0] == responses[1], f"{method} {url} {body}"
        assert browser.session["team"] == world.mallory.team.pk


@pytest.mark.parametrize("member", ["mallory", "admin"])
def test_rows_of_another_person_respond_like_unknown_ids(member: str, world: World) -> None:
    """Exports, browsers and passkeys belong to a person: no role of another person opens them."""
    caller = Caller(member, person=getattr(world, member))
    session = caller.client.session
    session["account_authentication_methods"] = [
        {"method": "password", "at": timezone.now().timestamp(), "reauthenticated": True}
    ]
    session["account_authentication_methods_user"] = str(caller.client.session["_auth_user_id"])
    session.save()
    owner = world.owner.user
    export = Export.objects.create(
        user=owner, state="ready", file_key="x", size_bytes=1, expires_at=timezone.now() + timedelta(days=1)
    )
    browser = UserSession.objects.create(user=owner, ip="10.0.0.1", user_agent="x", session_key="of-the-owner")
    passkey = Authenticator.objects.create(user=owner, type="webauthn", data={"name": "owner's"})
    theirs = {"export_id": export.pk, "session_id": browser.pk, "pk": passkey.pk}
    unknown = {"export_id": UUID(int=0), "session_id": 10**8, "pk": 10**8}
    routes = [route for route, rule in ROUTES.items() if isinstance(rule, PersonPage) and rule.of_person]
    assert len(routes) > 3
    for route in routes:
        for method in ("GET", "HEAD", "POST"):
            responses = []
            for ids in (theirs, unknown):
                url = url_of(route, ids)
                response = caller.request(method, url, observe=UserSession.objects.count)
                text = NOISE.sub("", response.content.decode(errors="replace") + steady_headers(response))
                normalized_text = text.replace(url, "…").replace(quote(url, safe=""), "…")
                responses.append((response.status_code, normalized_text, caller.seen))
            assert responses[0] == responses[1], f"{method} {route}"
            assert responses[0][0] in {302, 404, 405}
    assert Authenticator.objects.filter(pk=passkey.pk).exists()


def test_every_url_with_an_id_is_compared() -> None:
    """Every parameter of a URL names a row of a team or a person, or is open to anyone who has it."""
    # Names of models and of notices, not of rows.
    words = {"owner", "name", "version_id", "application", "key", "model_id"}
    uncompared = [
        route
        for route, rule in ROUTES.items()
        if not isinstance(rule, Public) and {found[1] or found[2] for found in PARAMETER.finditer(route)} - words
        if not (getattr(rule, "of_team", False) or getattr(rule, "of_person", False))
    ]
    assert uncompared == []
