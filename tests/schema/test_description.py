"""The OpenAPI description has what generators of typed clients need: named schemas, and no `not`."""

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from jobs.batches.serializers import BatchRequestSerializer
from jobs.videos.serializers import VideoRequestSerializer


def nodes(document: Any) -> Iterator[dict[str, Any]]:
    children = document.values() if isinstance(document, dict) else document if isinstance(document, list) else ()
    if isinstance(document, dict):
        yield document
    for child in children:
        yield from nodes(child)


def test_types_can_be_generated(description: dict[str, Any]) -> None:
    assert not [node for node in nodes(description) if "not" in node]


def test_every_json_response_has_a_named_schema(description: dict[str, Any]) -> None:
    schemas = [
        response["content"]["application/json"]["schema"]
        for node in nodes(description["paths"])
        for response in node.get("responses", {}).values()
        if "application/json" in response.get("content", {})
    ]
    assert len(schemas) > 40
    assert not [schema for schema in schemas if {*schema} != {"$ref"}]


def test_names_of_enumerations_say_what_they_list(description: dict[str, Any]) -> None:
    ambiguous = {"NullEnum", "NameEnum", "EventEnum", "ObjectEnum", "StateEnum", "StatusEnum"}
    assert not ambiguous & description["components"]["schemas"].keys()


@pytest.mark.parametrize("name", ["VideoRequest", "BatchVideoRequest"])
@pytest.mark.parametrize(
    ("fields", "good"),
    [
        ({"size": "512x512"}, True),
        ({"size": "512x512", "seconds": "1"}, True),
        ({"resolution": "512p", "aspect_ratio": "1:1", "num_frames": 8}, True),
        ({"size": "512x512", "resolution": "512p"}, False),
        ({"size": "512x512", "aspect_ratio": "1:1"}, False),
        ({"seconds": "1", "num_frames": 8}, False),
    ],
)
def test_fields_that_exclude_each_other(
    name: str, fields: dict[str, Any], good: bool, description: dict[str, Any]
) -> None:
    body = {"prompt": "x", "image_base64": "aW1hZ2U=", **fields}
    assert is_valid(name, body, description) is good
    assert VideoRequestSerializer(data=body).is_valid() is good


@pytest.mark.parametrize(
    ("images", "good"),
    [(["image_base64"], True), (["image_name"], True), (["image_base64", "source_video"], False), ([], False)],
)
def test_an_item_of_a_batch_has_one_image(images: list[str], good: bool, description: dict[str, Any]) -> None:
    values = {"image_base64": "aW1hZ2U=", "image_name": "shoe.png", "source_video": f"vid_{'0' * 32}"}
    body = {"prompt": "x", **{name: values[name] for name in images}}
    assert is_valid("BatchVideoRequest", body, description) is good
    # Whether a model needs an image is not checked by the serializer.
    assert BatchRequestSerializer(data=body).is_valid() is (good or not images)


def is_valid(name: str, body: dict[str, Any], description: dict[str, Any]) -> bool:
    schema = {"$ref": f"#/components/schemas/{name}", "components": description["components"]}
    return jsonschema_rs.is_valid(schema, body)
