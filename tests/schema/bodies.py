"""Bodies of any shape for every address that takes one: raw bytes, any JSON, JSON that is nearly good, forms."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from hypothesis import strategies as st
from PIL import Image

from tests.isolation.routes import PARAMETER, ROUTES, Api

_PREFIXES = ("v1/", "generate", "fal/", "replicate/")
# Every route of the URL configuration is in ROUTES: tests/isolation/test_matrix.py sees to that.
TAKING_BODIES = [
    (method, route)
    for route, rule in ROUTES.items()
    if route.startswith(_PREFIXES) and isinstance(rule, Api)
    for method in ("POST", "PUT", "PATCH")
    if method in rule.needs
]
_TYPES = [
    *("application/json", "application/json; charset=utf-8", "application/json; charset=utf-16", "text/plain", ""),
    *("multipart/form-data; boundary=x", "multipart/form-data", "application/x-www-form-urlencoded", "image/png"),
    *("application/x-ndjson", "application/jsonl"),
]
_FORM = "multipart/form-data; boundary=x"


def _picture() -> bytes:
    file = BytesIO()
    Image.new("RGB", (64, 48), "teal").save(file, "PNG")
    return file.getvalue()


PICTURE = _picture()
BASE64 = base64.b64encode(PICTURE).decode()
WISH: dict[str, Any] = {"image_base64": BASE64, "prompt": "x", "resolution": "256p", "num_frames": 8}
_INPUT = {**WISH, "image": f"data:image/png;base64,{BASE64}"}
del _INPUT["image_base64"]
_GOOD: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("v1/videos", "v1/videos/quote", "v1/generate", "generate"), WISH),
    "v1/webhooks": {"url": "https://receiver.invalid/hook", "events": ["video.completed"]},
    "v1/webhooks/<str:webhook_id>": {"enabled": True, "description": "x"},
    "v1/webhooks/<str:webhook_id>/rotate": {"overlap_hours": 1},
    "v1/batches": {"requests": [WISH, WISH]},
    "v1/gallery": {"video": "{video_id}", "tags": ["a"]},
    "v1/gallery/<str:publication_id>": {"caption": "x", "tags": ["a"], "public": True},
    "v1/collections": {"name": "x", "order": 1},
    "v1/collections/<str:collection_id>": {"name": "x", "order": 1},
    "v1/share-links": {"target": "{collection_id}", "password": "open sesame"},
    "replicate/v1/predictions": {"version": "mutoscope/camera", "input": _INPUT},
    "replicate/v1/models/<str:owner>/<str:name>/predictions": {"input": _INPUT},
    "fal/queue/<path:application>": _INPUT,
    "fal/<path:application>": _INPUT,
}
_FIELDS = [
    *sorted({name for body in _GOOD.values() for name in body}),
    *("image", "image_url", "input_reference", "fps", "seed", "seconds", "size", "steps", "guidance_scale", "priority"),
    *(
        "metadata",
        "webhook_url",
        "model",
        "preset",
        "aspect_ratio",
        "custom_id",
        "image_name",
        "source_video",
        "images",
    ),
    *("on_error", "content", "webhook", "webhook_events_filter", "duration", "expires_at", "a\0", "\ud800"),
]

_text = st.text(st.characters(exclude_categories=[]), max_size=30)
_leaf = st.none() | st.booleans() | st.integers() | st.floats() | _text
_anything = st.recursive(
    _leaf, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_text, inner, max_size=4), max_leaves=12
)
_changes = st.dictionaries(st.sampled_from(_FIELDS), _anything | st.just(BASE64), max_size=4)
_content = st.binary(max_size=60) | st.just(PICTURE) | st.just(json.dumps(WISH).encode())
_part = st.tuples(st.sampled_from(_FIELDS).filter(str.isprintable), st.booleans(), _content)


@dataclass(frozen=True)
class Call:
    method: str
    route: str
    content_type: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    def address(self, things: Mapping[str, Any]) -> str:
        """With the ids of things that there are, by the parameter's name."""
        return "/" + PARAMETER.sub(lambda found: str(things[found[1] or found[2]]), self.route)

    def filled(self, things: Mapping[str, Any]) -> bytes:
        """The body, with the ids of things that it is to speak of."""
        body = self.body
        for name in ("video_id", "collection_id"):
            body = body.replace(f"{{{name}}}".encode(), str(things[name]).encode())
        return body


@st.composite
def calls(draw: st.DrawFn) -> Call:
    """A call of any address that takes a body."""
    method, route = draw(st.sampled_from(TAKING_BODIES))
    key = draw(st.none() | st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=3))
    headers = {} if key is None else {"Idempotency-Key": key}
    kind = draw(st.sampled_from(["raw", "json", "near", "form"]))
    if kind == "raw":
        return Call(method, route, draw(st.sampled_from(_TYPES)), draw(st.binary(max_size=200)), headers)
    if kind == "form":
        lines = [_part_of_form(*drawn) for drawn in draw(st.lists(_part, max_size=5))]
        end = draw(st.sampled_from([b"--x--\r\n", b"--x", b""]))
        return Call(method, route, _FORM, b"".join(lines) + end, headers)
    body = draw(_anything) if kind == "json" else {**_GOOD.get(route, {}), **draw(_changes)}
    if kind == "near" and isinstance(body, dict) and isinstance(body.get("input"), dict):
        body["input"] = {**body["input"], **draw(_changes)}
    return Call(method, route, draw(st.sampled_from(_TYPES[:2])), json.dumps(body).encode(), headers)


def _part_of_form(name: str, is_file: bool, content: bytes) -> bytes:
    file_name = '; filename="f.png"' if is_file else ""
    head = f'--x\r\nContent-Disposition: form-data; name="{name}"{file_name}\r\n\r\n'
    return head.encode("utf-8", "surrogatepass") + content + b"\r\n"


def complaint(address: str, status: int, body: Any) -> str | None:
    """What is wrong with an answer: a failure of ours, or an error in another envelope than its address has."""
    if status < 400:
        return None
    if address.startswith(("/replicate/", "/fal/")):
        # `fal.run` waited for as long as it may, and says so in the word that its SDK knows.
        ours = status >= 500 and body.get("error_type") != "still_running"
        # That a request has ended already, its SDK reads in `status`, too.
        fits = body.get("status") in {status, "ALREADY_COMPLETED"}
        fits = fits and all(body.get(name) for name in ("title", "detail", "error_type"))
    elif address.endswith("/generate"):
        ours, fits = status >= 500, body.get("status") == "failed" and body.get("error") and body.get("code")
    else:
        error = body.get("error", {})
        ours = status >= 500
        fits = {"param", "details"} <= error.keys() and all(error.get(name) for name in ("type", "code", "message"))
    if ours:
        return f"a failure of ours, {status}: {body}"
    return None if fits else f"an envelope of another address, {status}: {body}"
