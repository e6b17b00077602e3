"""A body may contain a million errors: the response lists some of them and stays short."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.api_client import ApiClient

MANY = 20_000


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("/v1/videos", {f"field{number}": 1 for number in range(MANY)}),
        ("/v1/videos", {"metadata": {f"key{number}": 1 for number in range(MANY)}}),
        ("/v1/webhooks", {"url": "https://example.com/", "events": ["nothing"] * MANY}),
        ("/replicate/v1/predictions", {"input": {}, "webhook_events_filter": ["nothing"] * MANY}),
    ],
)
def test_the_response_stays_short(
    path: str, wrong: Any, as_alice: ApiClient, body: Callable[..., dict[str, Any]]
) -> None:
    response = as_alice.post(path, body(**wrong) if path == "/v1/videos" else wrong)
    assert response.status_code == 422, response.content[:200]
    assert len(response.content) < 10_000
