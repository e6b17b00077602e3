"""What is known of a view before Django calls it."""

import pytest

from portal.web.view_lookup import has_async_view, has_throttled_view


@pytest.mark.parametrize(
    ("path", "is_async"),
    [
        ("/v1/videos/vid_1/events", True),
        ("/generate", True),
        ("/v1/videos", False),
        ("/livez", False),
        ("/no/such/path", False),
    ],
)
def test_requests_that_may_wait_are_handled_asynchronously(path: str, is_async: bool) -> None:
    assert has_async_view(path) is is_async


@pytest.mark.parametrize(
    ("path", "is_throttled"),
    [
        ("/v1/videos", True),
        ("/v1/videos/vid_1", True),
        ("/v1/videos/vid_1/content", True),
        ("/replicate/v1/predictions", True),
        ("/v1/auth", False),
        ("/v1/openapi.json", False),
        ("/history", False),
        ("/no/such/path", False),
    ],
)
def test_views_that_count_the_requests_of_a_key_are_known(path: str, is_throttled: bool) -> None:
    assert has_throttled_view(path) is is_throttled
