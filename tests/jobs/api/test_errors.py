"""A body may hold a million mistakes: the answer tells of some, and costs no more than the body itself."""

import pytest

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
def test_the_answer_stays_short(path, wrong, as_alice, body):
    answer = as_alice.post(path, body(**wrong) if path == "/v1/videos" else wrong)
    assert answer.status_code == 422, answer.content[:200]
    assert len(answer.content) < 10_000
