"""Secrets in log lines, whatever wrote the line."""

import time

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from common.masking import HIDDEN, mask_secrets

# Parameters of routes that open something to anyone who has them.
SECRET_PARAMETERS = {"secret", "token", "uidb36"}
SECRET = "Abc-123_xyz"


@pytest.mark.parametrize(
    "line",
    [
        "/join/{}",
        "/JOIN/{}",
        "//join//{}",
        "/join/ {}",
        "/join/{}/no/such/page",
        "Forbidden (CSRF cookie not set.): /join/{}",
        "Referer checking failed - https://example.com/s/{} does not match any trusted origins.",
        '{{"path": "/s/{}", "status": 404}}',
        '{{"exc_value": "KeyError(\\"/s/{}\\")"}}',
        "path=\x1b[35m/s/{}/vid_1/content\x1b[0m status=200",
        "/accounts/password/reset/key/1-{}/",
        "/accounts/password/reset/key/1-{}",
        "/accounts/confirm-email/{}/",
        "GET /v1/videos/vid_1/content?variant=video&token=7.1790000000.{} HTTP/1.1",
        "https://bucket.example.com/a.mp4?X-Amz-Signature={}&x=1",
        "/accounts/oidc/company/login/callback/?code={}&state={}",
        "invalid key mts_0123456789ab_{}",
        "whsec_{}+/==",
    ],
)
def test_a_secret_is_hidden(line: str) -> None:
    masked = mask_secrets(line.format(SECRET, SECRET))
    assert SECRET not in masked
    assert HIDDEN in masked


@pytest.mark.parametrize("line", ["/history", "/videos/vid_1?page=2", "/v1/videos?status=queued", "mts_ is a prefix"])
def test_other_text_stays(line: str) -> None:
    assert mask_secrets(line) == line


def test_the_rest_of_the_line_stays() -> None:
    assert mask_secrets('"path": "/s/abc/vid_1", "status": 404') == f'"path": "/s/{HIDDEN}/vid_1", "status": 404'


def test_a_long_line_takes_linear_time() -> None:
    started = time.process_time()
    for line in ("/s/" * 300_000, "?token" * 200_000, "?" + "a" * 1_000_000, "mts_0" * 200_000):
        mask_secrets(line)
    assert time.process_time() - started < 5


def secret_routes(resolver: URLResolver, prefix: str = "") -> list[str]:
    """Return an example path of every route with a secret parameter."""
    found: list[str] = []
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            found += secret_routes(entry, prefix + str(entry.pattern))
        elif isinstance(entry, URLPattern) and SECRET_PARAMETERS & set(entry.pattern.regex.groupindex):
            found.append(prefix + str(entry.pattern))
    return found


def test_every_route_with_a_secret_is_masked() -> None:
    routes = secret_routes(get_resolver())
    assert {"join/<str:secret>", "s/<str:token>"} <= set(routes)
    for route in routes:
        if route.startswith("admin/"):
            continue
        path = "/" + route.replace("^", "").split("<")[0].split("(")[0] + SECRET
        assert SECRET not in mask_secrets(path), route
