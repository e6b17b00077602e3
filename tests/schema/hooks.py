"""Properties of valid requests that a schema cannot express: bytes are an image, and two fields agree.

Bodies that are meant to be valid get a real image instead of random bytes, and a length and a size that can be
generated. Bodies that are meant to be invalid are sent unchanged.
"""

import base64
import json
import re
import unicodedata
from io import BytesIO
from ipaddress import IPv6Address
from typing import Any

import schemathesis
from PIL import Image
from schemathesis.transport.serialization import Binary

from tests.schema import gone, repeats, statistics_handler  # noqa: F401 (they register themselves)

_UNKNOWN = "x-schemathesis-unknown-property"
_HOST = re.compile(r"^(https?:/+)(\[[^\]]*\]|[^/?#:@\s\x00-\x1f\x7f]+)", re.IGNORECASE)
_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_VALID_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?")
_FILES = ("image", "input_reference")


def _image() -> bytes:
    file = BytesIO()
    Image.new("RGB", (64, 48), "teal").save(file, "PNG")
    return file.getvalue()


# schemathesis represents a file in a form like this; the schema calls it a string.
_IMAGE = Binary(_image())
_BASE64 = base64.b64encode(_IMAGE.data).decode()
_LINES = Binary(json.dumps({"image_base64": _BASE64, "prompt": "x", "resolution": "256p"}).encode())
_IMAGE_PATHS = {"/v1/videos", "/v1/videos/quote", "/v1/generate", "/generate"}
_OF_BATCH = {"name", "webhook_url"}

# A request may have one field of each pair.
_ALTERNATIVES = (
    ("image_base64", "image"),
    ("image_base64", "input_reference"),
    ("image", "input_reference"),
    ("size", "resolution"),
    ("size", "aspect_ratio"),
    ("seconds", "num_frames"),
    ("steps", "num_inference_steps"),
)


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Run on each request before it is sent."""
    _replace_hosts(case.body)
    # Otherwise schemathesis would inspect the request again and take a body with a file for an invalid one.
    case._record_starting_state()
    if case.meta is None:
        return
    if case.meta.generation.mode.is_positive:
        _make_valid(case)
    else:
        _make_invalid(case)
    case._record_starting_state()


def _make_valid(case: Any) -> None:
    if case.path == "/v1/usage" and case.query and "from" in case.query:
        case.query["to"] = case.query["from"]
    if case.query and "at" in case.query:
        case.query["at"] = "first"  # a time may be beyond the end of the video
    if case.headers and "Range" in case.headers:
        case.headers["Range"] = "bytes=0-9"
    if isinstance(case.body, dict):
        _make_visible(case.body)
    is_form = case.media_type == "multipart/form-data"
    if case.path == "/v1/batches":
        case.body = _batch(case.body, is_form=is_form, is_json=case.media_type == "application/json")
    elif isinstance(case.body, dict):
        _correct(case.body, needs_file=is_form and case.path in _IMAGE_PATHS)


def _make_visible(body: dict[str, Any]) -> None:
    """Text that must not be blank has a letter, a number or a sign that is visible."""
    for name, text in body.items():
        if isinstance(text, str) and text and not any(unicodedata.category(each)[0] in "LNPS" for each in text):
            body[name] = "x" + text[1:]


def _make_invalid(case: Any) -> None:
    if case.headers and _UNKNOWN in case.headers:
        # An unknown header is valid. schemathesis knows that, but treats the "1" of this one as text, as a bug.
        case.headers.pop("Cancel-After", None)
    if (
        case.path == "/v1/batches"
        and isinstance(case.body, dict)
        and case.body.get("on_error", "continue") == "continue"
    ):
        # Each request is validated separately. An invalid one refuses the batch only with `fail_fast`.
        case.body["on_error"] = "fail_fast"


def _replace_hosts(part: Any) -> None:
    """Replace the hosts of generated webhooks, which must not reach a server of somebody else."""
    if not isinstance(part, dict | list):
        return
    for name, value in list(part.items() if isinstance(part, dict) else enumerate(part)):
        if isinstance(value, str):
            part[name] = _HOST.sub(_unreachable_host, value)
        else:
            _replace_hosts(value)


def _unreachable_host(found: re.Match[str]) -> str:
    """Return a host that does not exist, as long and as valid or invalid as the generated one."""
    letters = len(found[2]) - len("invalid")
    host = "x" * (letters % 2) + "x." * (letters // 2) + "invalid" if letters > 1 else "x" * len(found[2])
    is_valid = _VALID_HOST.fullmatch(found[2]) or _is_ipv6(found[2])
    return found[1] + (host if is_valid else "-" + host[1:])


def _is_ipv6(host: str) -> bool:
    """Return whether the host is an IPv6 address. A name replaces it, since the address may belong to somebody."""
    try:
        return host.startswith("[") and bool(IPv6Address(host[1:-1]))
    except ValueError:
        return False


def _batch(body: Any, *, is_form: bool, is_json: bool) -> Any:
    """Return a body with valid JSON Lines, few requests, and without `fail_fast`."""
    if not isinstance(body, dict):
        return body if is_json else _LINES
    body.pop("on_error", None)
    if is_form:
        # Other files would be sent as text: schemathesis recognizes files by the names in the schema.
        return {name: value for name, value in body.items() if name in _OF_BATCH} | {"requests": _LINES}
    body["requests"] = body["requests"][:3]
    for request in body["requests"]:
        _correct(request, needs_file=False)
    return body


def _correct(body: dict[str, Any], *, needs_file: bool) -> None:
    if needs_file and not {"image", "input_reference", "image_base64"} & body.keys():
        body["image"] = _IMAGE
    for first, second in _ALTERNATIVES:
        if first in body:
            body.pop(second, None)
    if "image_base64" in body:
        body["image_base64"] = _BASE64
    body |= {name: _IMAGE for name in _FILES if name in body}
    if "seconds" in body:
        body |= {"seconds": "2", "fps": 8}
    if "size" in body:
        body["size"] = "256x256"
