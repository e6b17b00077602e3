"""Decoding the image of a request: what it waits for, and what it holds meanwhile."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from pytest_django.fixtures import Settings
from structlog.testing import capture_logs

from inference.image_decoding.pool import DecodedImage, DecoderUnavailable
from jobs.models import Job
from jobs.videos import submission
from tests.support.api_client import ApiClient


@pytest.mark.django_db(transaction=True)
def test_no_connection_of_a_pool_is_held_while_an_image_is_decoded(
    as_alice: ApiClient, body: Callable[..., dict[str, Any]], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DATABASE_POOL_SIZE = 1
    held, decode = [], submission._DECODER_POOL.decode

    def record(data: bytes) -> DecodedImage:
        held.append(connection.connection is not None)
        return decode(data)

    monkeypatch.setattr(submission._DECODER_POOL, "decode", record)
    assert as_alice.post("/v1/videos", body()).status_code == 202
    assert held == [False]


@pytest.mark.django_db
def test_a_team_has_a_share_of_the_decoders(
    as_alice: ApiClient, body: Callable[..., dict[str, Any]], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submission, "_DECODER_WAIT_SECONDS", 0)
    settings.IMAGE_DECODING_CONCURRENCY_PER_TEAM = 0
    refused = as_alice.post("/v1/videos", body())
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too_many_at_once")
    assert Job.objects.count() == 0


@pytest.mark.django_db
def test_a_decoder_that_does_not_run_is_not_the_fault_of_the_image(
    as_alice: ApiClient, body: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(data: bytes) -> DecodedImage:
        raise DecoderUnavailable("A decoder was ended by signal 9.")

    monkeypatch.setattr(submission._DECODER_POOL, "decode", fail)
    with capture_logs() as logs:
        refused = as_alice.post("/v1/videos", body())
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "overloaded")
    (logged,) = [each for each in logs if each["event"] == "image_decoder_unavailable"]
    assert logged["reason"] == "A decoder was ended by signal 9."
