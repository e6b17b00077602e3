"""Serializers share the settings of their fields between requests, and nothing else."""

from typing import Any

import pytest
from django.utils.translation import override

from jobs.api.field_errors import flatten_errors, message_of
from jobs.api.fields import ShortListField, StrictIntegerField, StrictSerializer, TextField


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
