"""Every error code has an entry and vice versa, and the page shows each under the anchor in `doc_url`."""

import pytest
from django.test import Client

from common.errors import MutoscopeError
from portal.docs.catalogue import entries
from portal.web.body_limits import BodyTimeout
from tests.portal.docs import codes


def test_every_code_of_the_source_has_an_entry_and_every_entry_a_code() -> None:
    assert set(entries("errors")) == codes.raised()


def test_every_failure_code_has_an_entry_and_every_entry_a_failure_code() -> None:
    assert set(entries("failure_codes")) == codes.failure_codes()


def test_the_statuses_are_those_of_the_classes() -> None:
    found = entries("errors")
    for kind in codes.subclasses(MutoscopeError):
        assert found[kind.default_code].status == kind.status, kind


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_each_code_is_shown_under_its_anchor(language: str, client: Client, db: None) -> None:
    page = client.get("/docs/errors", headers={"Accept-Language": language}).content.decode()
    for code, entry in entries("errors").items():
        assert page.count(f'id="{code}"') == 1, code
        cause, remedy = (entry.as_context(language)[part] for part in ("cause", "remedy"))
        assert str(cause) in page
        assert str(remedy) in page
    for code in entries("failure_codes"):
        assert page.count(f'id="video-{code}"') == 1, code


def test_an_error_links_to_the_entry_of_its_code(client: Client, db: None) -> None:
    error = client.get("/v1/videos").json()["error"]
    assert error["doc_url"].endswith("/docs/errors#unauthenticated")


def test_a_new_code_is_found() -> None:
    assert "body_too_slow" in codes.raised()

    class TooEarly(BodyTimeout):
        default_code = "too_early"

    assert "too_early" in codes.raised()
    TooEarly.default_code = "body_too_slow"  # the class stays in the list of its parent
