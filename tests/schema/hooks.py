"""What a schema cannot say of a good request: that the bytes are a picture, and that two fields agree.

Bodies that are meant to be good get a real picture in the place of random bytes, and a length and a size that can be
made. Bodies that are meant to be bad are sent as they were thought out.
"""

import base64
import json
import re
from io import BytesIO
from ipaddress import IPv6Address
from typing import Any

import schemathesis
from PIL import Image
from schemathesis.transport.serialization import Binary

from tests.schema import gone, repeats, tally  # noqa: F401 (they enter themselves)

_UNKNOWN = "x-schemathesis-unknown-property"
_HOST = re.compile(r"^(https?:/+)(\[[^\]]*\]|[^/?#:@\s\x00-\x1f\x7f]+)", re.IGNORECASE)
_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_GOOD_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?")
_FILES = ("image", "input_reference")


def _picture() -> bytes:
    file = BytesIO()
    Image.new("RGB", (64, 48), "teal").save(file, "PNG")
    return file.getvalue()


# A file in a form is such an object: the schema calls it a string.
_PICTURE = Binary(_picture())
_BASE64 = base64.b64encode(_PICTURE.data).decode()
_LINES = Binary(json.dumps({"image_base64": _BASE64, "prompt": "x", "resolution": "256p"}).encode())
_WITH_PICTURE = {"/v1/videos", "/v1/videos/quote", "/v1/generate", "/generate"}
_OF_BATCH = {"name", "webhook_url"}

# Of each pair a request may have one.
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
    """Runs on each request before it is sent."""
    _keep_at_home(case.body)
    # Or schemathesis would look at the request again, and take a body with a file in it for a bad one.
    case._record_starting_state()
    if case.meta is None:
        return
    if case.meta.generation.mode.is_positive:
        _make_good(case)
    else:
        _make_bad(case)
    case._record_starting_state()


def _make_good(case: Any) -> None:
    if case.path == "/v1/usage" and case.query and "from" in case.query:
        case.query["to"] = case.query["from"]
    if case.headers and "Range" in case.headers:
        case.headers["Range"] = "bytes=0-9"
    is_form = case.media_type == "multipart/form-data"
    if case.path == "/v1/batches":
        case.body = _batch(case.body, is_form=is_form, is_json=case.media_type == "application/json")
    elif isinstance(case.body, dict):
        _correct(case.body, needs_file=is_form and case.path in _WITH_PICTURE)


def _make_bad(case: Any) -> None:
    if case.headers and _UNKNOWN in case.headers:
        # No server minds one header more. schemathesis knows, but takes the "1" of this one for text: a fault.
        case.headers.pop("Cancel-After", None)
    if (
        case.path == "/v1/batches"
        and isinstance(case.body, dict)
        and case.body.get("on_error", "continue") == "continue"
    ):
        # Each request is judged for itself, and what is wrong with one refuses the batch only where it says so.
        case.body["on_error"] = "fail_fast"


def _keep_at_home(part: Any) -> None:
    """No webhook that is made up here may reach a stranger's server, wherever the tests run."""
    if not isinstance(part, dict | list):
        return
    for name, value in list(part.items() if isinstance(part, dict) else enumerate(part)):
        if isinstance(value, str):
            part[name] = _HOST.sub(_nobody, value)
        else:
            _keep_at_home(value)


def _nobody(found: re.Match[str]) -> str:
    """A host that there is not, as long and as well or badly written as the one that was made up."""
    letters = len(found[2]) - len("invalid")
    host = "x" * (letters % 2) + "x." * (letters // 2) + "invalid" if letters > 1 else "x" * len(found[2])
    good = _GOOD_HOST.fullmatch(found[2]) or _is_ipv6(found[2])
    return found[1] + (host if good else "-" + host[1:])


def _is_ipv6(host: str) -> bool:
    """A name takes its place: no webhook may go to an address that is nobody's."""
    try:
        return host.startswith("[") and bool(IPv6Address(host[1:-1]))
    except ValueError:
        return False


def _batch(body: Any, *, is_form: bool, is_json: bool) -> Any:
    """JSON Lines that are some, requests that are few, and no refusal of all for the sake of one."""
    if not isinstance(body, dict):
        return body if is_json else _LINES
    body.pop("on_error", None)
    if is_form:
        # Further files would be sent as text: schemathesis knows files by the names that the description gives them.
        return {name: value for name, value in body.items() if name in _OF_BATCH} | {"requests": _LINES}
    body["requests"] = body["requests"][:3]
    for request in body["requests"]:
        _correct(request, needs_file=False)
    return body


def _correct(body: dict[str, Any], *, needs_file: bool) -> None:
    if needs_file and not {"image", "input_reference", "image_base64"} & body.keys():
        body["image"] = _PICTURE
    for first, second in _ALTERNATIVES:
        if first in body:
            body.pop(second, None)
    if "image_base64" in body:
        body["image_base64"] = _BASE64
    body |= {name: _PICTURE for name in _FILES if name in body}
    if "seconds" in body:
        body |= {"seconds": "2", "fps": 8}
    if "size" in body:
        body["size"] = "256x256"
