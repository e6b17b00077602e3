"""Large values in any field of any form, and in any parameter of a URL: little processor time and memory."""

from collections.abc import Iterator
from functools import partial
from http.cookies import SimpleCookie
from itertools import cycle, product
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from portal.web.body_limits import max_body_bytes
from tests.isolation.routes import PARAMETER, ROUTES, Api, Page, PersonPage, Public
from tests.isolation.test_matrix import ids_of_owner
from tests.isolation.world import World
from tests.schema.bodies import BODY_ENDPOINTS, IMAGE, VIDEO_REQUEST, BodyCase, response_problem
from tests.schema.bounds import SIZE, respond_within_bounds
from tests.schema.page_forms import PageForm, forms_of_pages
from tests.schema.test_bounds import fields
from tests.support.administrators import staff
from tests.support.people import PASSWORD

# A start, and what follows it until the value is large enough.
HOSTILE_TEXTS = {
    "url": ("https://", "a."),
    "spaces": ("", " "),
    "number": ("1.", "0"),
    "base64": ("data:image/png;base64,", "A\n"),
    "line ends": ("", "\r\n"),
    "marks": ("a", "\u0315\u0300"),
    "json": ("", "["),
}
_FIELDS_OF_ALL_FORMS = {"csrfmiddlewaretoken", "form_nonce", "next", "page_team"}
_VALID_FORM = {name: value for name, value in VIDEO_REQUEST.items() if name != "image_base64"}
_URLENCODED = "application/x-www-form-urlencoded"
# The server of `live` refuses headers beyond 32 kB; gunicorn's limit is lower.
_MAX_URL_LENGTH = 32_000
# No page of this world shows these forms. None has a field that no other form has.
_OTHER_FORMS = {
    "gallery/publish/<str:video_id>",
    "team/keep",
    "usage/notices/<str:key>/dismiss",
    "videos/<str:video_id>/cancel",
}
_PAGE_PARAMETERS = {
    "": ["like"],
    "price": ["like", "num_frames", "image_width"],
    "history": ["q", "after", "state", "pages"],
    "history/running": ["ids"],
    "videos/<str:video_id>/live": ["seen"],
    "batches": ["after"],
    "batches/<str:batch_id>": ["after", "seen", "more"],
    "gallery": ["q", "after", "tag", "model", "who", "collection", "pages"],
    "gallery/sharing": ["after"],
    "team/log": ["who", "what", "after"],
    "usage": ["month"],
    "accounts/login/": ["next"],
}


def large_text(kind: str, size: int) -> str:
    start, unit = HOSTILE_TEXTS[kind]
    return start + unit * ((size - len(start)) // len(unit.encode()))


@pytest.mark.django_db(transaction=True)
def test_large_fields_of_api_forms(world: World, client: Client, description: dict[str, Any]) -> None:
    ids, kinds, tried = ids_of_owner(world), cycle(product((False, True), HOSTILE_TEXTS)), 0
    for method, route in BODY_ENDPOINTS:
        url = BodyCase(method, route, "", b"").url(ids)
        for name in [*fields(description, method, route, "multipart/form-data"), "unknown"]:
            is_file, kind = next(kinds)
            value = large_text(kind, SIZE)
            part = SimpleUploadedFile("a.png", value.encode()) if is_file else value
            body = encode_multipart(BOUNDARY, {**_VALID_FORM, "image": SimpleUploadedFile("a.png", IMAGE), name: part})
            what = f"{method} /{route}, {kind} in the {'file' if is_file else 'field'} {name}"
            response = respond_within_bounds(partial(client.generic, method, url, body, MULTIPART_CONTENT), what)
            assert response.status_code >= 400 or name == "unknown", what
            assert response_problem(url, response.status_code, response.json()) is None, what
            assert len(response.content) < 20_000, what
            tried += 1
    assert tried > 100


@pytest.mark.django_db(transaction=True)
def test_large_fields_of_page_forms(world: World) -> None:
    forms = {form.route: (visitor, form) for visitor, form in all_forms(world)}
    posted = {route for route, rule in ROUTES.items() if isinstance(rule, Page) and "POST" in rule.needs}
    assert posted - forms.keys() == _OTHER_FORMS
    assert {"accounts/login/", "accounts/signup/", "accounts/confirm-email/", "accounts/2fa/authenticate/"} < {*forms}
    kinds, tried = cycle(HOSTILE_TEXTS), set[str]()
    for visitor, form in forms.values():
        names = {*form.values, *form.files}
        for name in sorted(names - (tried & _FIELDS_OF_ALL_FORMS)):
            kind = next(kinds)
            tried.add(name)
            send = partial(send_rolled_back, visitor, form.url, *body_with(form, name, kind))
            response = respond_within_bounds(send, f"POST {form.url}, {kind} as {name}")
            assert response.status_code < 500, (form.url, name, kind)


def all_forms(world: World) -> Iterator[tuple[Client, PageForm]]:
    """Yield the forms of the owner, of somebody without an account, and of two people who are not signed in yet."""
    ids = ids_of_owner(world)
    anonymous, signing_up, with_password = Client(), Client(), Client()
    signing_up.post("/accounts/signup/", {"email": "nora@example.com", "password1": PASSWORD})
    administrator = staff("adele@example.com").user
    with_password.post("/accounts/login/", {"login": administrator.email, "password": PASSWORD})
    world.owner.post("/accounts/reauthenticate/", {"password": PASSWORD})
    public = [route for route, rule in ROUTES.items() if isinstance(rule, Public) and route.startswith("accounts/")]
    own = [route for route, rule in ROUTES.items() if isinstance(rule, Page | PersonPage)]
    for visitor, routes in (
        (world.owner.client, own),
        (anonymous, public),
        (signing_up, ["accounts/confirm-email/"]),
        (with_password, ["accounts/2fa/authenticate/"]),
    ):
        urls = ["/" + PARAMETER.sub(lambda found: str(ids[found[1] or found[2]]), route) for route in routes]
        for form in forms_of_pages(visitor, urls):
            yield visitor, form


def body_with(form: PageForm, name: str, kind: str) -> tuple[bytes, str]:
    """Return the form with a value in this field that makes it as large as the server accepts, and its type."""
    values = {each: value for each, value in form.values.items() if each != name}
    if form.is_multipart:
        text = large_text(kind, SIZE)
        value = SimpleUploadedFile("a.png", text.encode()) if name in form.files else text
        return encode_multipart(BOUNDARY, {**values, name: value}), MULTIPART_CONTENT
    start, unit = HOSTILE_TEXTS[kind]
    head = urlencode(values) + f"&{name}={quote_plus(start)}"
    room = max_body_bytes(form.url, _URLENCODED) - len(head)
    unit = quote_plus(unit)
    return (head + unit * (room // len(unit))).encode(), _URLENCODED


def send_rolled_back(visitor: Client, url: str, body: bytes, content_type: str) -> Any:
    """Return the response. The changes of the request are rolled back, so that the next form still exists."""
    with transaction.atomic():
        cookies = SimpleCookie(visitor.cookies)
        response = visitor.generic("POST", url, body, content_type)
        visitor.cookies = cookies
        transaction.set_rollback(True)
    return response


@pytest.mark.django_db(transaction=True)
def test_the_longest_urls(world: World, client: Client, description: dict[str, Any]) -> None:
    ids, kinds = ids_of_owner(world), cycle(HOSTILE_TEXTS)
    parameters = [(route, name) for route in ROUTES for name in query_parameters(description, route)]
    assert len(parameters) > 30
    for route, name in parameters:
        kind = next(kinds)
        start, unit = HOSTILE_TEXTS[kind]
        url = f"{BodyCase('GET', route, '', b'').url(ids)}?{name}={quote(start)}"
        # As bytes: percent-encoded, a letter would take three times as much of the URL.
        raw = unit if unit.isprintable() else quote(unit)
        url += raw * ((_MAX_URL_LENGTH - len(url)) // len(raw.encode()))
        visitor = client if isinstance(ROUTES[route], Api) else world.owner.client
        response = respond_within_bounds(partial(visitor.get, url), f"GET /{route}, {kind} as {name}")
        assert response.status_code < 500, (route, name, kind)


def query_parameters(description: dict[str, Any], route: str) -> list[str]:
    """Return the query parameters of a page, or those of an endpoint from the OpenAPI description."""
    path = "/" + PARAMETER.sub(lambda found: f"{{{found[1] or found[2]}}}", route)
    documented = description["paths"].get(path, {}).get("get", {}).get("parameters", [])
    return _PAGE_PARAMETERS.get(route) or [each["name"] for each in documented if each["in"] == "query"]
