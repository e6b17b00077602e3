"""Serializers share the settings of their fields between requests, and nothing else."""

from typing import Any

import pytest
from django.utils.translation import override
from rest_framework.exceptions import ValidationError

from jobs.api.field_errors import flatten_errors, message_of
from jobs.api.fields import (
    HttpUrlField,
    MetadataField,
    SecondsField,
    ShortListField,
    StrictIntegerField,
    StrictSerializer,
    TextField,
)


class Part(StrictSerializer):
    name = TextField(max_length=3)


class Body(StrictSerializer):
    count = StrictIntegerField(min_value=1)
    names = ShortListField(max_length=2, child=TextField(max_length=3), required=False)
    part = Part(required=False)


def messages(data: Any) -> dict[tuple[str, ...], str]:
    serializer = Body(data=data)
    serializer.is_valid()
    return {location: str(message_of(error)) for location, error in flatten_errors(serializer.errors)}


def test_the_fields_of_two_serializers_are_bound_to_their_own() -> None:
    one, other = Body(data={}), Body(data={})
    for name, field in one.fields.items():
        assert field is not other.fields[name]
        assert field is not Body._declared_fields[name]
        assert (field.field_name, field.parent) == (name, one)
        assert other.fields[name].parent is other
    assert Body._declared_fields["count"].parent is None
    part, other_part = one.fields["part"], other.fields["part"]
    assert isinstance(part, Part)
    assert isinstance(other_part, Part)
    assert part.fields["name"] is not other_part.fields["name"]
    assert part.fields["name"].root is one


@pytest.mark.parametrize(
    ("data", "location"),
    [
        ({"count": 0}, ("count",)),
        ({}, ("count",)),
        ({"count": 1, "names": ["abcd"]}, ("names", "0")),
        ({"count": 1, "names": ["a", "b", "c"]}, ("names",)),
        ({"count": 1, "part": {"name": "abcd"}}, ("part", "name")),
        ({"count": 1, "part": {"nam": "a"}}, ("part", "nam")),
    ],
)
def test_errors_of_one_request_do_not_reach_the_next(data: Any, location: tuple[str, ...]) -> None:
    for language in ("zh-hans", "en", "zh-hans"):
        with override(language):
            first = messages(data)
            assert location in first
            assert messages({"count": 2, "names": ["abc"], "part": {"name": "abc"}}) == {}
        with override("en"):
            assert messages(data) == first


def test_a_field_that_a_serializer_changes_stays_as_declared() -> None:
    serializer = Body(data={})
    serializer.fields["count"].required = False
    assert serializer.is_valid()
    assert ("count",) in messages({})


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("cafe\u0301", "café"),
        ("a\r\nb\rc", "a\nb\nc"),
        (" \r\nab\r\n", "ab"),
        ("e\u0301\r\n" * 2 + "e\u0301", "é\né\né"),
        ("\u1112\u1161\u11ab" * 5, "한" * 5),
    ],
)
def test_text_is_normalized_before_its_length_is_checked(sent: str, kept: str) -> None:
    assert TextField(max_length=5).run_validation(sent) == kept


@pytest.mark.parametrize("text", ["\u200b", "\u2060 \ufeff", "\u3164", "\u200d\ufe0f", "\u2800"])
def test_text_without_a_visible_character_is_blank(text: str) -> None:
    with pytest.raises(ValidationError) as raised:
        TextField(max_length=9).run_validation(text)
    assert raised.value.get_codes() == ["blank"]
    assert TextField(max_length=9, allow_blank=True).run_validation(text) == text


def test_data_of_the_client_stays_as_it_was_sent() -> None:
    sent = "cafe\u0301\r\n"
    assert TextField(max_length=9, trim_whitespace=False).run_validation(sent) == sent
    assert MetadataField().run_validation({sent: sent}) == {sent: sent}
    assert HttpUrlField().run_validation("https://example.com/cafe\u0301") == "https://example.com/cafe\u0301"


@pytest.mark.parametrize("frames", range(8, 33))
@pytest.mark.parametrize("fps", [4, 7, 9, 23, 24])
def test_seconds_of_a_response_are_accepted(frames: int, fps: int) -> None:
    for sent in (f"{frames / fps:g}", frames / fps, str(frames / fps)):
        assert round(float(SecondsField().run_validation(sent)) * fps) == frames
