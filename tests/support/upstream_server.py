"""Servers that speak `/v1/videos` as vLLM-Omni and SGLang do, as processes that a test kills and starts again.

They keep their videos in memory: after a restart they know none of them. `behave` changes what a running server does,
and `calls` lists what it was asked for, over all restarts.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from socket import create_connection
from typing import Any

import numpy as np
import psutil
import pytest

from inference.audio import Audio
from inference.encoding import write_mp4
from inference.engines.scripted.engine import color_of
from tests.support.ports import own_port

ROOT = Path(__file__).parents[2]
KEY = "upstream-secret-key"


class UpstreamServer:
    """A server in a process of its own."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.folder, self.kind, self.port = folder, kind, own_port()
        folder.mkdir()
        (folder / "key").write_text(KEY + "\n")
        (folder / "calls").touch()
        self.concurrency = 1
        self.behave()
        self.process: psutil.Popen | None = None

    @property
    def options(self) -> dict[str, Any]:
        """The engine's options for this server."""
        return {
            "url": f"http://127.0.0.1:{self.port}/v1",
            "api_key_file": str(self.folder / "key"),
            "poll_seconds": 0.05,
        }

    @property
    def table(self) -> str:
        """The table of MODELS_FILE with the model `studio` of this server."""
        values = self.options | {"concurrency": self.concurrency}
        options = "\n".join(f"{name} = {json.dumps(value)}" for name, value in values.items())
        sizes = "[models.studio.sizes]\nminimum_side = 32\n"
        return f'[models.studio]\nengine = "upstream"\nextends = "wan-ti2v-5b"\n{options}\n{sizes}'

    def behave(self, **behavior: Any) -> None:
        """From now on: `is_finished`, `fail` (message), `status` (of running videos), and see the handler."""
        temporary = self.folder / "behavior.new"
        temporary.write_text(json.dumps(behavior))
        temporary.rename(self.folder / "behavior")

    def calls(self, *methods: str) -> list[dict[str, Any]]:
        """Return the calls with these methods; `POST` has the fields of the form."""
        calls = [json.loads(line) for line in (self.folder / "calls").read_text().splitlines()]
        return [call for call in calls if call["method"] in methods]

    def start(self) -> None:
        arguments = [str(self.folder), self.kind, str(self.port)]
        self.process = psutil.Popen([sys.executable, "-m", "tests.support.upstream_server", *arguments], cwd=ROOT)
        give_up_at = time.monotonic() + 60
        while time.monotonic() < give_up_at:
            try:
                create_connection(("127.0.0.1", self.port)).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError("the upstream server does not start")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@pytest.fixture
def start_upstream(tmp_path: Path) -> Iterator[Callable[[str], UpstreamServer]]:
    """Start servers of a kind. All are killed after the test."""
    servers: list[UpstreamServer] = []

    def start(kind: str) -> UpstreamServer:
        servers.append(UpstreamServer(tmp_path / f"upstream-{len(servers)}", kind))
        servers[-1].start()
        return servers[-1]

    yield start
    for server in servers:
        server.kill()


class Handler(BaseHTTPRequestHandler):
    """The server's side. `folder`, `kind` and `videos` are set by `main`."""

    protocol_version = "HTTP/1.1"
    folder: Path
    kind: str
    videos: dict[str, dict[str, str]]
    numbers = count(1)

    def do_GET(self) -> None:
        self.respond()

    def do_POST(self) -> None:
        self.respond()

    def do_DELETE(self) -> None:
        self.respond()

    def respond(self) -> None:
        self.behavior = json.loads((self.folder / "behavior").read_text())
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        time.sleep(self.behavior.get("delay", 0))
        fields = self.form(body) if self.command == "POST" else {}
        self.record(fields)
        status = self.behavior.get("http_status")
        if self.headers.get("Authorization") != f"Bearer {KEY}":
            self.error(401, f"Invalid key {self.headers.get('Authorization')}")
        elif self.behavior.get("is_gateway"):
            self.send(404, "text/html", b"<html>")
        elif status is not None:
            self.error(status, self.behavior.get("message", "not now"))
        elif self.path == "/v1/models":
            self.json(200, {"object": "list", "data": [{"id": "wan", "object": "model", "owned_by": "upstream"}]})
        elif self.path == "/models" and self.kind == "sglang":
            self.json(200, {"model_path": "/models/wan", "task_type": "I2V", "precision": "bf16"})
        elif self.command == "POST" and self.path == "/v1/videos":
            self.submit(fields)
        elif (video := self.path.removeprefix("/v1/videos/").removesuffix("/content")) not in self.videos:
            self.error(404, "Video not found")
        elif self.command == "DELETE":
            del self.videos[video]
            self.json(200, {"id": video, "deleted": True})
        elif self.path.endswith("/content"):
            self.content(self.videos[video])
        else:
            self.status(video)

    def submit(self, fields: dict[str, str]) -> None:
        if not fields:
            self.error(422, [{"loc": ["body", "prompt"], "msg": "Field required", "type": "missing"}])
            return
        video = f"video_gen_{self.kind}_{next(self.numbers)}_{time.time_ns()}"
        self.videos[video] = fields
        if self.behavior.get("loses_answer"):
            self.close_connection = True
            return
        self.json(200, {"id": video, "object": "video", "status": "queued", "progress": 0, "seconds": 5})

    def status(self, video: str) -> None:
        running = self.behavior.get("status", "processing" if self.kind == "sglang" else "in_progress")
        answer = {"id": video, "object": "video", "status": running, "progress": self.behavior.get("progress", 0)}
        if "fail" in self.behavior:
            answer |= {"status": "failed", "error": {"code": "generation_failed", "message": self.behavior["fail"]}}
        elif self.behavior.get("is_finished", True):
            answer |= {"status": "succeeded" if self.kind == "sglang" else "completed", "progress": 100}
        self.json(200, self.behavior.get("answer", answer))

    def content(self, fields: dict[str, str]) -> None:
        """Send the file: all frames have the color of the seed. `cut_after`: close the connection after N bytes."""
        width, height = map(int, self.behavior.get("size", fields["size"]).split("x"))
        frames = np.empty((self.behavior.get("num_frames", int(fields["num_frames"])), height, width, 3), np.uint8)
        frames[:] = color_of(int(fields["seed"]))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "video.mp4"
            audio = Audio(np.full((1, 24_000), 0.5, np.float32), 24_000) if self.behavior.get("has_audio") else None
            write_mp4(frames, int(fields["fps"]), path, audio)
            data = path.read_bytes() if self.behavior.get("is_video", True) else b"<html>"
        start = 0
        if (requested := self.headers.get("Range")) and self.behavior.get("has_ranges", True):
            start = int(requested.removeprefix("bytes=").removesuffix("-"))
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("ETag", '"one"')
        self.end_headers()
        cut_after = self.behavior.get("cut_after")
        self.wfile.write(data[start:] if cut_after is None else data[start : start + cut_after])
        self.wfile.flush()
        if cut_after is not None:
            self.close_connection = True

    def form(self, body: bytes) -> dict[str, str]:
        """Return the fields of the form; files by their type."""
        kind = self.headers.get("Content-Type", "")
        if not kind.startswith("multipart/form-data"):
            return {}
        message: Any = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + body)
        fields = {}
        for part in message.iter_parts():
            name = part.get_param("name", header="content-disposition")
            fields[name] = part.get_content_type() if part.get_filename() else part.get_payload(decode=True).decode()
        return fields

    def record(self, fields: dict[str, str]) -> None:
        headers = {name: self.headers.get(name) for name in ("Idempotency-Key", "Range")}
        call = {"method": self.command, "path": self.path, "fields": fields, **headers}
        with (self.folder / "calls").open("a") as file:
            file.write(json.dumps(call) + "\n")

    def error(self, status: int, message: Any) -> None:
        body = {"error": {"message": message}} if self.kind == "sglang" else {"detail": message}
        self.json(status, body)

    def json(self, status: int, body: Any) -> None:
        self.send(status, "application/json", json.dumps(body).encode())

    def send(self, status: int, content_type: str, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Encoding", self.behavior.get("encoding", "identity"))
        for name, value in self.behavior.get("headers", {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("kind")
    parser.add_argument("port", type=int)
    options = parser.parse_args()
    Handler.folder, Handler.kind, Handler.videos = options.folder, options.kind, {}
    ThreadingHTTPServer(("127.0.0.1", options.port), Handler).serve_forever()


if __name__ == "__main__":
    main()
