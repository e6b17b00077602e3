"""Absolute URLs."""

import pytest
from django.test import RequestFactory
from rest_framework.request import Request

from common.urls import absolute_url


@pytest.mark.parametrize("origin", ["https://example.com", "https://example.com/"])
def test_the_url_of_a_site(origin: str) -> None:
    assert absolute_url(origin, "/history") == "https://example.com/history"


def test_the_url_of_a_request() -> None:
    request = RequestFactory().get("/")
    assert (
        absolute_url(request, "/history") == absolute_url(Request(request), "/history") == "http://testserver/history"
    )
