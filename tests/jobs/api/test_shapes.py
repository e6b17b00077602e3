"""`serializer_of`: the serializer that describes a TypedDict."""

from typing import Annotated, Any, Literal, NotRequired, TypedDict

import pytest
from drf_spectacular.plumbing import get_doc
from rest_framework import serializers

from jobs.api.shapes import Day, Text, Url, serializer_of


class InnerShape(TypedDict):
    name: str


class EveryShape(TypedDict):
    """Every kind of field."""

    text: str
    blank: Text
    number: int
    ratio: float
    flag: bool
    url: Url
    day: Day
    kind: Literal["every"]
    choice: Annotated[str, {"choices": ["a", "b"]}]
    maybe: str | None
    maybe_choice: Annotated[str | None, {"choices": ["a"]}]
    percent: Annotated[int, {"min_value": 0, "max_value": 100, "help_text": "whole"}]
    both: Annotated[Text, {"help_text": "of two annotations"}]
    absent: NotRequired[str]
    absent_or_null: NotRequired[float | None]
    inner: InnerShape
    maybe_inner: InnerShape | None
    words: list[str]
    maybe_words: list[str] | None
    choices: list[Annotated[str, {"choices": ["x"]}]]
    inners: list[InnerShape]
    by_name: dict[str, int]
    anything: Annotated[dict[str, Any], {"field": serializers.DictField}]


class LargerShape(InnerShape):
    size: int


FIELDS: dict[str, Any] = dict(serializer_of(EveryShape)().fields)


@pytest.mark.parametrize(
    ("name", "kind", "options"),
    [
        ("text", serializers.CharField, {"allow_null": False, "required": True, "allow_blank": False}),
        ("blank", serializers.CharField, {"allow_blank": True}),
        ("number", serializers.IntegerField, {"allow_null": False}),
        ("ratio", serializers.FloatField, {}),
        ("flag", serializers.BooleanField, {}),
        ("url", serializers.URLField, {}),
        ("day", serializers.DateField, {}),
        ("kind", serializers.ChoiceField, {"choices": {"every": "every"}}),
        ("choice", serializers.ChoiceField, {"choices": {"a": "a", "b": "b"}}),
        ("maybe", serializers.CharField, {"allow_null": True, "required": True}),
        ("maybe_choice", serializers.ChoiceField, {"allow_null": True, "choices": {"a": "a"}}),
        ("percent", serializers.IntegerField, {"min_value": 0, "max_value": 100, "help_text": "whole"}),
        ("both", serializers.CharField, {"allow_blank": True, "help_text": "of two annotations"}),
        ("absent", serializers.CharField, {"required": False, "allow_null": False}),
        ("absent_or_null", serializers.FloatField, {"required": False, "allow_null": True}),
        ("maybe_inner", serializer_of(InnerShape), {"allow_null": True}),
        ("maybe_words", serializers.ListField, {"allow_null": True}),
        ("anything", serializers.DictField, {}),
    ],
)
def test_each_annotation_becomes_a_field(name: str, kind: type[Any], options: dict[str, Any]) -> None:
    field = FIELDS[name]
    assert type(field) is kind
    assert {option: getattr(field, option) for option in options} == options


def test_containers_describe_their_items() -> None:
    assert isinstance(FIELDS["words"].child, serializers.CharField)
    assert isinstance(FIELDS["by_name"].child, serializers.IntegerField)
    assert FIELDS["choices"].child.choices == {"x": "x"}
    assert isinstance(FIELDS["inners"], serializers.ListSerializer)
    assert type(FIELDS["inners"].child) is type(FIELDS["inner"]) is serializer_of(InnerShape)


def test_the_order_and_the_name_are_those_of_the_shape() -> None:
    assert list(FIELDS) == list(EveryShape.__annotations__)
    assert serializer_of(EveryShape).__name__ == "EverySerializer"
    assert get_doc(serializer_of(EveryShape)) == "Every kind of field."
    assert get_doc(serializer_of(InnerShape)) == ""


def test_a_shape_inherits_fields() -> None:
    assert list(serializer_of(LargerShape)().fields) == ["name", "size"]


def test_a_shape_has_one_serializer() -> None:
    assert serializer_of(EveryShape) is serializer_of(EveryShape)


def test_an_unknown_type_is_an_error() -> None:
    class OddShape(TypedDict):
        odd: object

    with pytest.raises(KeyError):
        serializer_of(OddShape)
