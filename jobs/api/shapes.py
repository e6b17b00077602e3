"""JSON shapes of responses. A TypedDict is the one definition of a shape.

mypy compares it with the function that builds the response, and `serializer_of` makes the serializer from which
drf-spectacular generates the OpenAPI description. A response is not sent through the serializer, which would cost more
than all other work of a status poll.
"""

from functools import cache
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    TypedDict,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from rest_framework import serializers

# A field of a shape is annotated with options of its serializer field, such as `Annotated[int, {"min_value": 0}]`.
# "field" is the class of the field, if the type alone does not determine it.
Url = Annotated[str, {"field": serializers.URLField}]
Text = Annotated[str, {"allow_blank": True}]
Day = Annotated[str, {"field": serializers.DateField}]


class DeletedShape(TypedDict):
    """The id of what was deleted."""

    id: str
    object: Annotated[str, {"help_text": "the kind, such as `video.deleted`"}]
    deleted: bool


_FIELDS: dict[Any, type[serializers.Field[Any, Any, Any, Any]]] = {
    str: serializers.CharField,
    int: serializers.IntegerField,
    float: serializers.FloatField,
    bool: serializers.BooleanField,
}


@cache
def serializer_of(shape: type) -> type[serializers.Serializer[Any]]:
    """Return the serializer that describes a TypedDict. Of `VideoShape`, the component is called Video."""
    fields = {name: _field_of(annotation) for name, annotation in get_type_hints(shape, include_extras=True).items()}
    name = f"{shape.__name__.removesuffix('Shape')}Serializer"
    return type(name, (serializers.Serializer,), {**fields, "__doc__": shape.__doc__})


def _field_of(annotation: Any) -> Any:
    kind, options = unwrap(annotation)
    origin, arguments = get_origin(kind), get_args(kind)
    if field := options.pop("field", None):
        return field(**options)
    if origin is Literal or "choices" in options:
        return serializers.ChoiceField(**{"choices": list(arguments), **options})
    if is_typeddict(kind):
        return serializer_of(kind)(**options)
    if origin is list and is_typeddict(arguments[0]):
        return serializer_of(arguments[0])(many=True, **options)
    if origin in {list, dict}:
        container: Any = serializers.ListField if origin is list else serializers.DictField
        return container(child=_field_of(arguments[-1]), **options)
    return _FIELDS[kind](**options)


def unwrap(annotation: Any) -> tuple[Any, dict[str, Any]]:
    """Return the type inside of NotRequired, Annotated and `| None`, and the options of the field that these mean."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is NotRequired:
        kind, options = unwrap(arguments[0])
        return kind, {"required": False, **options}
    if origin is Annotated:
        kind, options = unwrap(arguments[0])
        for metadata in arguments[1:]:
            options |= metadata
        return kind, options
    if origin in {Union, UnionType}:
        [inner] = [argument for argument in arguments if argument is not NoneType]
        kind, options = unwrap(inner)
        return kind, {"allow_null": True, **options}
    return annotation, {}
