"""Times on pages say their zone."""

import datetime

import pytest
from django.utils import translation
from django.utils.formats import date_format


@pytest.mark.parametrize(
    ("language", "text"), [("en", "Nov. 30, 2026, 5:39 p.m. UTC"), ("zh-hans", "2026年11月30日 17:39 UTC")]
)
def test_times_have_their_zone(language: str, text: str) -> None:
    moment = datetime.datetime(2026, 11, 30, 17, 39, tzinfo=datetime.UTC)
    with translation.override(language):
        assert date_format(moment, "DATETIME_FORMAT") == text
        assert date_format(moment, "SHORT_DATETIME_FORMAT").endswith(" UTC")
