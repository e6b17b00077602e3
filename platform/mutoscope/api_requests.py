"""Builds the requests of the API without sending them. Both clients share these functions."""

from __future__ import annotations

import base64
import mimetypes
import os
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote as quote_path

from mutoscope.errors import FileError


@dataclass(frozen=True)
class VideoFrame:
    """A frame of a completed video of the team, as an image. at: `first`, `last` or a time in seconds."""

    video_id: str
    at: str | float = "last"


FileInput = str | os.PathLike[str] | bytes | IO[bytes]
ImageInput = FileInput | VideoFrame

_MAX_PAGE_SIZE = 100
_URL_PREFIXES = ("https://", "http://")


@dataclass(frozen=True)
class RequestSpec:
    """One HTTP request. If it is `retryable`, sending it twice has the same effect as sending it once."""

    method: str
    path: str
    params: dict[str, Any] = field(default_factory=dict)
    json: Any = None
    content: Any = None
    data: dict[str, Any] | None = None
    files: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    retryable: bool = True
    # Seconds for which the server may delay the response; added to the timeout.
    long_poll_seconds: float = 0.0
    # The object storage may be on another host. httpx drops the Authorization header on a redirect to another origin.
    follow_redirects: bool = False


def create(
    image: ImageInput, prompt: str, *, idempotency_key: str | None, cancel_after: int | None, options: dict[str, Any]
) -> RequestSpec:
    """Submits a video. Each request has its own idempotency key, so a retry does not create a second video."""
    headers = {"Idempotency-Key": idempotency_key or uuid.uuid4().hex}
    if cancel_after is not None:
        headers["Cancel-After"] = str(cancel_after)
    return RequestSpec("POST", "/v1/videos", **_image_parts(image, prompt, options), headers=headers)


def quote(image: ImageInput, prompt: str, *, options: dict[str, Any]) -> RequestSpec:
    return RequestSpec("POST", "/v1/videos/quote", **_image_parts(image, prompt, options))


def _image_parts(image: ImageInput, prompt: str, options: dict[str, Any]) -> dict[str, Any]:
    """Returns the body as form fields and files, or as JSON if an image is no file or a field is not plain text."""
    fields = {name: value for name, value in options.items() if value is not None}
    images: dict[str, ImageInput] = {"image": image}
    if "last_image" in fields:
        images["last_image"] = fields.pop("last_image")
    fields["prompt"] = prompt
    frames = {name: value for name, value in images.items() if isinstance(value, VideoFrame)}
    files = {name: value for name, value in images.items() if not isinstance(value, VideoFrame)}
    if "metadata" not in fields and not frames and not any(map(_is_url, files.values())):
        return {"data": fields, "files": {name: _image_file(value) for name, value in files.items()}}
    fields |= {f"{name}_video": {"id": frame.video_id, "at": frame.at} for name, frame in frames.items()}
    for name, value in files.items():
        if _is_url(value):
            fields[f"{name}_url"] = value
        else:
            fields[f"{name}_base64"] = base64.b64encode(_read_image(value)[1]).decode()
    return {"json": fields}


def _is_url(image: FileInput) -> bool:
    return isinstance(image, str) and image.startswith(_URL_PREFIXES)


def _image_file(image: FileInput) -> tuple[str, bytes, str]:
    """Returns a file of a form."""
    name, content = _read_image(image)
    return name, content, mimetypes.guess_type(name)[0] or "application/octet-stream"


def _read_image(image: FileInput) -> tuple[str, bytes]:
    """Returns a file name and the content, in memory so that the request can be sent again."""
    if isinstance(image, bytes):
        return "image", image
    if isinstance(image, str | os.PathLike):
        path = Path(image)
        try:
            return path.name, path.read_bytes()
        except OSError as error:
            raise FileError(f"Cannot read the image {path}: {error.strerror}.") from error
    return "image", image.read()


def get(video_id: str, *, wait: float = 0) -> RequestSpec:
    params = {"wait": int(wait)} if wait >= 1 else {}
    return RequestSpec("GET", _video_path(video_id), params=params, long_poll_seconds=wait)


def page(path: str, after: str | None, filters: dict[str, Any]) -> RequestSpec:
    """Fetches the page of a list that follows the row `after`, or the first page."""
    params = {"limit": _MAX_PAGE_SIZE, "after": after, **filters}
    return RequestSpec("GET", path, params={name: value for name, value in params.items() if value is not None})


def cancel(video_id: str) -> RequestSpec:
    return RequestSpec("POST", f"{_video_path(video_id)}/cancel")


def remix(video_id: str, changes: dict[str, Any], *, idempotency_key: str | None) -> RequestSpec:
    headers = {"Idempotency-Key": idempotency_key or uuid.uuid4().hex}
    return RequestSpec("POST", f"{_video_path(video_id)}/remix", json=changes, headers=headers)


def extend(video_id: str, changes: dict[str, Any], *, idempotency_key: str | None) -> RequestSpec:
    headers = {"Idempotency-Key": idempotency_key or uuid.uuid4().hex}
    return RequestSpec("POST", f"{_video_path(video_id)}/extend", json=changes, headers=headers)


def delete(video_id: str) -> RequestSpec:
    return RequestSpec("DELETE", _video_path(video_id))


def content(video_id: str, variant: str, at: str | float | None = None) -> RequestSpec:
    params = {"variant": variant} | ({} if at is None else {"at": str(at)})
    return RequestSpec("GET", f"{_video_path(video_id)}/content", params=params, follow_redirects=True)


def events(video_id: str, last_event_id: str) -> RequestSpec:
    """Opens the event stream. The transport does not retry it: `EventFollower` knows from which event to resume."""
    headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last_event_id} if last_event_id else {})
    return RequestSpec("GET", f"{_video_path(video_id)}/events", headers=headers, retryable=False)


def batch(batch_id: str, part: str = "", *, method: str = "GET") -> RequestSpec:
    """Addresses a batch, or one of its parts: `items`, `cancel`, `results`."""
    return RequestSpec(method, f"/v1/batches/{quote_path(batch_id, safe='')}{part and '/' + part}")


def catalogue(name: str, **params: Any) -> RequestSpec:
    """Fetches `models`, `presets`, `usage` or `limits`."""
    return RequestSpec(
        "GET", f"/v1/{name}", params={name: value for name, value in params.items() if value is not None}
    )


def _video_path(video_id: str) -> str:
    return f"/v1/videos/{quote_path(video_id, safe='')}"
