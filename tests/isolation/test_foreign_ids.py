"""Ids of another team in bodies, in words after the address, and in things of a person: all are as absent as none."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.db import transaction
from django.utils import timezone

from common.ids import public_id
from jobs.exports.models import Export
from jobs.galleries.models import Collection, Publication
from jobs.queue.wakeup import redis_client
from jobs.states import State
from jobs.webhooks.models import Endpoint
from tests.isolation.routes import PARAMETER, ROUTES, Public, SignedIn
from tests.isolation.test_matrix import NOISE, Caller, absent, address_of, leaks, of_alice, steady_headers
from tests.isolation.test_without_filters import rows_of
from tests.isolation.world import World, make_job

# Method, address, body. {braces} are ids, Alice's or nobody's; [brackets] are Mallory's own things.
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


def nobodys() -> dict[str, Any]:
    return absent() | {"team_id": 10**9}


@pytest.fixture
def own(world: World) -> dict[str, str]:
    """What Mallory has, by the name in brackets."""
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


def told(answer: Any, ids: dict[str, Any]) -> tuple[int, str]:
    """What an answer says, but for the ids that were sent."""
    text = NOISE.sub("", answer.content.decode(errors="replace") + steady_headers(answer))
    for value in sorted(map(str, ids.values()), key=len, reverse=True):
        text = text.replace(value, "…") if len(value) > 8 else text
    return answer.status_code, text


def test_ids_in_api_calls(world: World, own: dict[str, str]) -> None:
    caller = Caller("key", headers=world.mallory.key_headers())
    before = rows_of(world.owner.team)
    for method, address, body in API:
        answers = []
        for ids in (of_alice(world), nobodys()):
            redis_client().flushdb()
            with transaction.atomic():
                content = filled(json.dumps(body), ids, own) if body is not None else ""
                asked = filled(address, ids, own)
                answer = caller.client.generic(method, asked, content, "application/json")
                assert answer.status_code < 500, asked
                assert leaks(answer, world, asked) == [], asked
                assert rows_of(world.owner.team) == before, f"{method} {asked} changed a row of Alice's"
                transaction.set_rollback(True)
            answers.append(told(answer, ids))
        assert answers[0] == answers[1], f"{method} {address} {body}"


def test_ids_in_pages(world: World, own: dict[str, str]) -> None:
    browser = world.mallory.new_browser()
    before = rows_of(world.owner.team)
    for method, address, body in PAGES:
        answers = []
        for ids in (of_alice(world) | {"team_id": world.owner.team.pk}, nobodys()):
            redis_client().flushdb()
            with transaction.atomic():
                asked, cookies = filled(address, ids, own), browser.cookies.copy()
                if body is None:
                    answer = browser.get(asked)
                else:
                    answer = browser.post(asked, json.loads(filled(json.dumps(body), ids, own)))
                browser.cookies = cookies  # what is to be said on the next page
                assert answer.status_code < 500, asked
                assert leaks(answer, world, asked) == [], asked
                assert rows_of(world.owner.team) == before, f"{method} {asked} changed a row of Alice's"
                transaction.set_rollback(True)
            status, text = told(answer, ids)
            answers.append((status, text.replace(f"={ids['user_id']}", "=…")))
        assert answers[0] == answers[1], f"{method} {address} {body}"
        assert browser.session["team"] == world.mallory.team.pk


@pytest.mark.parametrize("member", ["mallory", "admin"])
def test_what_is_another_persons_answers_like_what_is_not_there(member: str, world: World) -> None:
    """Exports, browsers and passkeys belong to a person: nobody else's role opens them."""
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
    nobodys_things = {"export_id": UUID(int=0), "session_id": 10**8, "pk": 10**8}
    for route in (route for route, rule in ROUTES.items() if isinstance(rule, SignedIn) and rule.of_person):
        for method in ("GET", "HEAD", "POST"):
            answers = []
            for ids in (theirs, nobodys_things):
                address = address_of(route, ids)
                answer = caller.ask(method, address, look=UserSession.objects.count)
                text = NOISE.sub("", answer.content.decode(errors="replace") + steady_headers(answer))
                said = text.replace(address, "…").replace(quote(address, safe=""), "…")
                answers.append((answer.status_code, said, caller.seen))
            assert answers[0] == answers[1], f"{method} {route}"
            assert answers[0][0] in {302, 404, 405}
    assert Authenticator.objects.filter(pk=passkey.pk).exists()


def test_every_address_with_an_id_is_compared() -> None:
    """Where a parameter stands in an address, what it names is a team's, a person's, or open to whoever has it."""
    # Names of models and of notices: of no row.
    words = {"owner", "name", "version_id", "application", "key"}
    uncompared = [
        route
        for route, rule in ROUTES.items()
        if not isinstance(rule, Public) and {found[1] or found[2] for found in PARAMETER.finditer(route)} - words
        if not (getattr(rule, "of_team", False) or getattr(rule, "of_person", False))
    ]
    assert uncompared == []
