"""Absolute URLs, and paths in logs."""

import pytest
from django.test import RequestFactory
from django.urls import Resolver404, resolve
from rest_framework.request import Request

from common.urls import absolute_url, loggable_path


@pytest.mark.parametrize("origin", ["https://example.com", "https://example.com/"])
def test_the_url_of_a_site(origin: str) -> None:
    assert absolute_url(origin, "/history") == "https://example.com/history"


def test_the_url_of_a_request() -> None:
    request = RequestFactory().get("/")
    assert (
        absolute_url(request, "/history") == absolute_url(Request(request), "/history") == "http://testserver/history"
    )


@pytest.mark.parametrize(
    ("path", "logged"),
    [
        ("/history", "/history"),
        ("/videos/vid_1", "/videos/vid_1"),
        ("/join/very-secret", "/join/<str:secret>"),
        ("/s/very-secret", "/s/<str:token>"),
        ("/s/very-secret/vid_1/content", "/s/<str:token>/<str:video_id>/content"),
        ("/no-such-page", "/no-such-page"),
    ],
)
def test_paths_are_logged_without_secrets(path: str, logged: str) -> None:
    request = RequestFactory().get(path)
    try:
        request.resolver_match = resolve(path)
    except Resolver404:
        request.resolver_match = None
    assert loggable_path(request) == logged


def test_the_path_of_a_new_password_is_logged_without_its_key() -> None:
    path = "/accounts/password/reset/key/1-c0ffee-c0ffee/"
    request = RequestFactory().get(path)
    request.resolver_match = resolve(path)
    assert "c0ffee" not in loggable_path(request)
