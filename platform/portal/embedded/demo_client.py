"""Creates the first video as any client would, and shows its progress.

`manage.py demo` runs this as a separate process; it only uses the site's public HTTP API.
"""

import argparse
import base64
import json
import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, cast

import av
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

PROMPT = "The camera slowly zooms in on the cat and drifts to the left"
POLL_INTERVAL_SECONDS = 0.25
HEALTH_INTERVAL_SECONDS = 2.0
# The portal runs on this machine, where no proxy of the environment would find it.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class DemoError(Exception):
    """The portal did not make the video; the message contains its response."""


class Client:
    """The API requests that the demo needs."""

    def __init__(self, site: str, key: str) -> None:
        self._site = site
        self._key = key

    def submit(self, *, image: Path, prompt: str, model: str) -> dict[str, Any]:
        body = {"image_base64": base64.b64encode(image.read_bytes()).decode(), "prompt": prompt, "model": model}
        return cast("dict[str, Any]", json.loads(self._request("/v1/videos", body=json.dumps(body).encode())))

    def video(self, video_id: str) -> dict[str, Any]:
        return cast("dict[str, Any]", json.loads(self._request(f"/v1/videos/{video_id}")))

    def content(self, video_id: str) -> bytes:
        return self._request(f"/v1/videos/{video_id}/content")

    def worker_error(self, model: str) -> str:
        """Return why the worker of a model cannot work, or an empty text."""
        try:
            errors = json.loads(self._request("/health")).get("worker_errors", {})
        except DemoError:  # the site is unhealthy for a moment
            return ""
        return str(errors.get(model, ""))

    def _request(self, path: str, *, body: bytes | None = None) -> bytes:
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        request = urllib.request.Request(self._site + path, data=body, headers=headers)  # noqa: S310 (our own site)
        try:
            with _OPENER.open(request, timeout=60) as response:
                return cast("bytes", response.read())
        except urllib.error.HTTPError as error:
            raise DemoError(f"{path} returned status {error.code}: {error_message(error.read())}") from None
        except OSError as error:
            raise DemoError(f"{path} could not be reached: {error}") from None


def error_message(body: bytes) -> str:
    """Return the message of an error envelope, or the beginning of any other response."""
    try:
        return str(json.loads(body)["error"]["message"])
    except (ValueError, LookupError, TypeError):
        return body.decode(errors="replace")[:300]


def check_worker(client: Client, model: str) -> None:
    """Raise DemoError if the worker cannot work. It would try again and again, without a word on the terminal."""
    if error := client.worker_error(model):
        raise DemoError(
            f"The worker of {model} cannot work: {error} "
            "Remove the cause and start the demo again, or use MODEL=camera, which downloads nothing."
        )


def wait_for(client: Client, video: dict[str, Any], *, timeout_seconds: float) -> dict[str, Any]:
    """Show a progress bar until the video is completed; return the completed video."""
    give_up_at = time.monotonic() + timeout_seconds
    check_worker_at = time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns) as bar:
        task = bar.add_task("queued", total=100)
        while video["status"] in {"queued", "in_progress"}:
            if time.monotonic() > give_up_at:
                raise DemoError(f"The video is still {video['status']} after {timeout_seconds:.0f} seconds.")
            time.sleep(POLL_INTERVAL_SECONDS)
            if video["status"] == "queued" and time.monotonic() >= check_worker_at:
                check_worker(client, video["model"])
                check_worker_at = time.monotonic() + HEALTH_INTERVAL_SECONDS
            video = client.video(video["id"])
            bar.update(task, completed=video["progress"], description=video["status"].replace("_", " "))
    if video["status"] != "completed":
        reason = (video.get("error") or {}).get("message", "")
        raise DemoError(f"The video {video['status']}. {reason}")
    return video


def describe(file: Path) -> str:
    """Return size, number of frames and frame rate of a video file after decoding all of it. Raises DemoError."""
    try:
        with av.open(file) as container:
            stream = container.streams.video[0]
            frames = sum(1 for _ in container.decode(stream))
            rate = float(stream.average_rate or 0)
            return f"{stream.width}x{stream.height}, {frames} frames at {rate:g} fps"
    except (av.FFmpegError, IndexError) as error:
        raise DemoError(f"{file} is not a playable video: {error}") from None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("site", "image", "model", "out"):
        parser.add_argument(name)
    parser.add_argument("--keep-serving", action="store_true", help="print the URL of the video")
    options = parser.parse_args()
    screen, out = Console(), Path(options.out)
    client = Client(options.site, os.environ["MUTOSCOPE_API_KEY"])
    # A large model has to be loaded, and the first time downloaded, before its first video.
    timeout_seconds = 120 if options.model == "camera" else 3600
    try:
        screen.print(f"Making a video from {options.image} with the model {options.model}")
        video = client.submit(image=Path(options.image), prompt=PROMPT, model=options.model)
        video = wait_for(client, video, timeout_seconds=timeout_seconds)
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(client.content(video["id"]))
        description = describe(out)
    except DemoError as error:
        screen.print(f"[red]The demo failed.[/red] {escape(str(error))}", highlight=False, soft_wrap=True)
        return 1
    screen.print(f"\n  The file      {out} ({description})", highlight=False, soft_wrap=True)
    if options.keep_serving:
        screen.print(f"  Its page      {options.site}/videos/{video['id']}", highlight=False, soft_wrap=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
