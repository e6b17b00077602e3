"""The schema of a field and its validation agree. These examples are too rare for random tests."""

from ipaddress import IPv6Address
from typing import Any

import jsonschema_rs
import pytest
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st
from rest_framework import serializers

from common.errors import NotFound
from common.ids import parse_public_id
from common.urls import HTTP_URL
from jobs.api.fields import HttpUrlField, MetadataField
from jobs.batches.bodies import IMAGE_NAME_PATTERN
from jobs.galleries.api.serializers import NewShareLinkSerializer
from jobs.videos.idempotency import build_idempotency_key

LONG = "a" * 63
URLS = {
    "https://example.com/hook": True,
    "http://my_service:8000/hook": True,
    "http://_x._y": True,
    "https://10.0.0.1": True,
    "https://example.com.": True,
    "https://example.com?a=b": True,
    "https://example.com#a": True,
    "https://example.com:65535/": True,
    f"https://{LONG}.example": True,
    "https://example.com/影片/ü": True,
    "https://xn--fsq.example/": True,
    "https://例.example/": False,
    "https://ü.example/": False,
    f"https://{LONG}a.example": False,
    "https://-a.example": False,
    "https://a-.example": False,
    "https://a..example": False,
    "https://.example": False,
    "https://": False,
    "https:///a": False,
    "https://[::1]/": True,
    "https://[::]:80/": True,
    "https://[1:2:3:4:5:6:7:8]/": True,
    "https://[1:2:3::6:7:8]/": True,
    "https://[64:ff9b::7f00:1]": True,
    "https://[::ffff:127.0.0.1]": True,
    "https://[::ffff:127.0.0.256]": False,
    "https://[1:2:3:4:5:6:7:8:9]/": False,
    "https://[1::2::3]/": False,
    "https://[:1]/": False,
    "https://[]/": False,
    "https://[fe80::1%eth0]/": False,
    "https://[::1]x/": False,
    "https://::1/": False,
    "https://a:0/": False,
    "https://a:65536/": False,
    "https://a:/": False,
    "https://a:b@c/": False,
    "https://a@c/": False,
    "https://a/ b": False,
    "https://a/\u00a0b": False,
    "https://a\\b": False,
    "HTTPS://a": True,
    "ftp://a": False,
    "//a": False,
}


def is_accepted(field: serializers.Field[Any, Any, Any, Any], value: Any) -> bool:
    try:
        field.run_validation(value)
    except serializers.ValidationError:
        return False
    return True


@pytest.mark.parametrize(("url", "good"), URLS.items())
def test_urls(url: str, good: bool) -> None:
    assert is_accepted(HttpUrlField(), url) is good
    assert jsonschema_rs.is_valid({"type": "string", "pattern": HTTP_URL}, url) is good


@settings(max_examples=300, derandomize=True)
@given(st.from_regex(HTTP_URL, fullmatch=True) | st.from_regex(r"https?://[-._:@\[\]a-zé0-9]{1,8}/?", fullmatch=True))
def test_any_url(url: str) -> None:
    expected = jsonschema_rs.is_valid({"type": "string", "pattern": HTTP_URL, "maxLength": 2000}, url)
    assert is_accepted(HttpUrlField(), url) is expected


@settings(max_examples=300, derandomize=True)
@given(st.from_regex(r"[0-9a-f:]{2,12}", fullmatch=True) | st.ip_addresses(v=6).map(str))
def test_any_ipv6_address(host: str) -> None:
    """The standard library decides."""
    try:
        IPv6Address(host)
        good = True
    except ValueError:
        good = False
    assert is_accepted(HttpUrlField(), f"https://[{host}]/") is good


def test_the_schema_has_the_pattern(description: dict[str, Any]) -> None:
    bodies = description["components"]["schemas"]
    for name, field in (("NewWebhookRequest", "url"), ("VideoRequest", "webhook_url"), ("VideoForm", "webhook_url")):
        assert bodies[name]["properties"][field]["pattern"] == HTTP_URL


@pytest.mark.parametrize(
    ("identifier", "good"),
    [
        ("vid_" + "0" * 32, True),
        ("vid_" + "0" * 31, False),
        ("vid_" + "A" * 32, False),
        ("vid_" + "٣" * 32, False),
        ("vid_" + "0_" * 15 + "00", False),
        ("pub_" + "0" * 32, False),
    ],
)
def test_ids(identifier: str, good: bool, description: dict[str, Any]) -> None:
    (parameter,) = description["paths"]["/v1/videos/{video_id}"]["delete"]["parameters"]
    assert jsonschema_rs.is_valid(parameter["schema"], identifier) is good
    if good:
        parse_public_id("vid", identifier)
    else:
        with pytest.raises(NotFound):
            parse_public_id("vid", identifier)


@pytest.mark.parametrize("password", ["    ", " abc ", "abc", "a\0bcd", "🙂🙂🙂🙂"])
def test_passwords_of_links(password: str, description: dict[str, Any]) -> None:
    schema = description["components"]["schemas"]["NewShareLinkRequest"]["properties"]["password"]
    assert is_accepted(NewShareLinkSerializer().fields["password"], password) is jsonschema_rs.is_valid(
        schema, password
    )


def test_metadata_is_returned_unchanged() -> None:
    assert MetadataField().run_validation({" a ": "  b\n", "c": ""}) == {" a ": "  b\n", "c": ""}


@pytest.mark.parametrize(
    ("names", "good"),
    [({"鞋 1.png": "x"}, True), ({"\u00a0": "x"}, True), ({"": "x"}, False), ({"a\n": "x"}, False), ({"a": 5}, False)],
)
def test_images_of_a_batch(names: dict[str, Any], good: bool, client: Client, description: dict[str, Any]) -> None:
    schema = description["components"]["schemas"]["NewBatchRequest"]["properties"]["images"]
    assert IMAGE_NAME_PATTERN in schema["propertyNames"]["pattern"]
    assert jsonschema_rs.is_valid(schema, names) is good
    body = {"images": names, "requests": [{"prompt": "x", "image_name": "a"}]}
    assert client.post("/v1/batches", body, "application/json").status_code == (202 if good else 422)


@pytest.mark.parametrize(("key", "good"), [("a b~", True), ("x" * 255, True), ("clé", False), ("", False)])
def test_idempotency_keys(key: str, good: bool, description: dict[str, Any]) -> None:
    parameters = description["paths"]["/v1/videos"]["post"]["parameters"]
    (schema,) = [each["schema"] for each in parameters if each["name"] == "Idempotency-Key"]
    assert jsonschema_rs.is_valid(schema, key) is good
    try:
        build_idempotency_key(key, {})
    except Exception as error:
        assert not good, error
    else:
        assert good
