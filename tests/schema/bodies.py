"""Arbitrary bodies for every endpoint that accepts one: raw bytes, any JSON, nearly valid JSON, forms."""

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
# ROUTES has every route of the URL configuration: tests/isolation/test_matrix.py checks that.
BODY_ENDPOINTS = [
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


def _image() -> bytes:
    file = BytesIO()
    Image.new("RGB", (64, 48), "teal").save(file, "PNG")
    return file.getvalue()


IMAGE = _image()
BASE64 = base64.b64encode(IMAGE).decode()
VIDEO_REQUEST: dict[str, Any] = {"image_base64": BASE64, "prompt": "x", "resolution": "256p", "num_frames": 8}
_INPUT = {**VIDEO_REQUEST, "image": f"data:image/png;base64,{BASE64}"}
del _INPUT["image_base64"]
VALID_BODIES: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("v1/videos", "v1/videos/quote", "v1/generate", "generate"), VIDEO_REQUEST),
    "v1/webhooks": {"url": "https://receiver.invalid/hook", "events": ["video.completed"]},
    "v1/webhooks/<str:webhook_id>": {"enabled": True, "description": "x"},
    "v1/webhooks/<str:webhook_id>/rotate": {"overlap_hours": 1},
    "v1/batches": {"requests": [VIDEO_REQUEST, VIDEO_REQUEST]},
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
    *sorted({name for body in VALID_BODIES.values() for name in body}),
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
_content = st.binary(max_size=60) | st.just(IMAGE) | st.just(json.dumps(VIDEO_REQUEST).encode())
_part = st.tuples(st.sampled_from(_FIELDS).filter(str.isprintable), st.booleans(), _content)


@dataclass(frozen=True)
class BodyCase:
    method: str
    route: str
    content_type: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    def url(self, ids: Mapping[str, Any]) -> str:
        """Return the URL with existing ids, by the parameter's name."""
        return "/" + PARAMETER.sub(lambda found: str(ids[found[1] or found[2]]), self.route)

    def filled(self, ids: Mapping[str, Any]) -> bytes:
        """Return the body with existing ids."""
        body = self.body
        for name in ("video_id", "collection_id"):
            body = body.replace(f"{{{name}}}".encode(), str(ids[name]).encode())
        return body


@st.composite
def body_cases(draw: st.DrawFn) -> BodyCase:
    """Draw a request to any endpoint that accepts a body."""
    method, route = draw(st.sampled_from(BODY_ENDPOINTS))
    key = draw(st.none() | st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=3))
    headers = {} if key is None else {"Idempotency-Key": key}
    kind = draw(st.sampled_from(["raw", "json", "near", "form"]))
    if kind == "raw":
        return BodyCase(method, route, draw(st.sampled_from(_TYPES)), draw(st.binary(max_size=200)), headers)
    if kind == "form":
        lines = [_part_of_form(*drawn) for drawn in draw(st.lists(_part, max_size=5))]
        end = draw(st.sampled_from([b"--x--\r\n", b"--x", b""]))
        return BodyCase(method, route, _FORM, b"".join(lines) + end, headers)
    body = draw(_anything) if kind == "json" else {**VALID_BODIES.get(route, {}), **draw(_changes)}
    if kind == "near" and isinstance(body, dict) and isinstance(body.get("input"), dict):
        body["input"] = {**body["input"], **draw(_changes)}
    return BodyCase(method, route, draw(st.sampled_from(_TYPES[:2])), json.dumps(body).encode(), headers)


def _part_of_form(name: str, is_file: bool, content: bytes) -> bytes:
    file_name = '; filename="f.png"' if is_file else ""
    head = f'--x\r\nContent-Disposition: form-data; name="{name}"{file_name}\r\n\r\n'
    return head.encode("utf-8", "surrogatepass") + content + b"\r\n"


def response_problem(url: str, status: int, body: Any) -> str | None:
    """Return what is wrong with a response: a server error, or an error in the envelope of another endpoint."""
    if status < 400:
        return None
    if url.startswith(("/replicate/", "/fal/")):
        # `fal.run` reached its timeout: this is the code that its SDK knows.
        is_server_error = status >= 500 and body.get("error_type") != "still_running"
        # The SDK reads in `status`, too, that a request is finished already.
        fits = body.get("status") in {status, "ALREADY_COMPLETED"}
        fits = fits and all(body.get(name) for name in ("title", "detail", "error_type"))
    elif url.endswith("/generate"):
        is_server_error, fits = status >= 500, body.get("status") == "failed" and body.get("error") and body.get("code")
    else:
        error = body.get("error", {})
        is_server_error = status >= 500
        fits = {"param", "details"} <= error.keys() and all(error.get(name) for name in ("type", "code", "message"))
    if is_server_error:
        return f"a server error, {status}: {body}"
    return None if fits else f"an envelope of another endpoint, {status}: {body}"
