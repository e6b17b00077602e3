"""A hub of models as a process: it lists repositories of a folder and sends their files, with ranges.

`behave` changes what a running server does, and `calls` lists what it was asked for.
"""

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import create_connection
from typing import Any
from urllib.parse import unquote, urlsplit

import psutil
import pytest

from tests.support.ports import own_port

ROOT = Path(__file__).parents[2]
REPOSITORY = "someone/a-model"
COMMIT = "5" * 40
REVISIONS = ("main", "v1", COMMIT)
FETCH_PROGRAM = """
import sys
from pathlib import Path
from inference.weights.selection import WeightsSelection
from inference.weights.spec import WeightsSpec
from inference.weights.store import WeightsStore
WeightsStore(Path(sys.argv[1]), sys.argv[2]).fetch(WeightsSpec(sys.argv[3], WeightsSelection(("WanPipeline",))))
"""


class HubServer:
    """A hub in a process of its own. The files of a repository are in `folder/owner/name`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, own_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        (self.folder / "calls").touch()
        self.behave()
        self.process = psutil.Popen(
            [sys.executable, "-m", "tests.support.hub_server", str(self.folder), str(self.port)], cwd=ROOT
        )
        give_up_at = time.monotonic() + 60
        while time.monotonic() < give_up_at:
            try:
                create_connection(("127.0.0.1", self.port)).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise AssertionError("the hub does not start")

    def start_fetch(self, store: Path) -> "subprocess.Popen[bytes]":
        """Start a process that fetches REPOSITORY from this hub."""
        return subprocess.Popen([sys.executable, "-c", FETCH_PROGRAM, str(store), self.url, REPOSITORY], cwd=ROOT)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def behave(self, **behavior: Any) -> None:
        """From now on: `cut_after` and `pause_after` bytes of each file, `delay`, `corrupt` (path), `has_ranges`."""
        temporary = self.folder / "behavior.new"
        temporary.write_text(json.dumps(behavior))
        temporary.rename(self.folder / "behavior")

    def calls(self) -> list[tuple[str, int]]:
        """Return path and first byte of each call so far."""
        lines = (self.folder / "calls").read_text().splitlines()
        return [(path, int(start)) for path, start in (line.rsplit(" ", 1) for line in lines)]

    def forget_calls(self) -> None:
        (self.folder / "calls").write_text("")


@pytest.fixture(scope="session")
def hub_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubServer]:
    server = HubServer(tmp_path_factory.mktemp("hub"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def hub(hub_process: HubServer) -> HubServer:
    """A hub with REPOSITORY, a checkpoint that only looks like one, and files that no engine reads."""
    hub_process.behave()
    hub_process.forget_calls()
    write_checkpoint(hub_process.folder / REPOSITORY)
    return hub_process


def write_checkpoint(folder: Path) -> None:
    """Write the files of a pipeline of Wan, without meaning."""
    index = {
        "_class_name": "WanPipeline",
        "boundary_ratio": None,
        "expand_timesteps": True,
        "scheduler": ["diffusers", "UniPCMultistepScheduler"],
        "tokenizer": ["transformers", "TokenizersBackend"],
        "text_encoder": ["transformers", "UMT5EncoderModel"],
        "transformer": ["diffusers", "WanTransformer3DModel"],
        "transformer_2": [None, None],
        "vae": ["diffusers", "AutoencoderKLWan"],
    }
    files = {
        "model_index.json": json.dumps(index).encode(),
        "scheduler/scheduler_config.json": b"{}",
        "tokenizer/tokenizer_config.json": b"{}",
        "tokenizer/tokenizer.json": b'{"words": 48}',
        "tokenizer/spiece.model": b"pieces",
        "text_encoder/config.json": b"{}",
        "text_encoder/model.safetensors": bytes(range(256)) * 40,
        "transformer/config.json": b"{}",
        "transformer/diffusion_pytorch_model.safetensors.index.json": b"{}",
        "transformer/diffusion_pytorch_model-00001-of-00002.safetensors": bytes(range(255)) * 2_000,
        "transformer/diffusion_pytorch_model-00002-of-00002.safetensors": bytes(range(250)) * 100,
        "vae/config.json": b"{}",
        "vae/diffusion_pytorch_model.safetensors": bytes(range(251)) * 40,
        "vae/diffusion_pytorch_model.bin": b"a pickle",
        "vae/diffusion_pytorch_model.fp16.safetensors": b"another variant",
        "transformer/diffusion_pytorch_model.bin.index.json": b"{}",
        "vae/modeling.py": b"raise SystemExit",
        "vae_2/config.json": b"{}",
        "README.md": b"# A model",
        "a-model-all-in-one.safetensors": bytes(5_000_000),
    }
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


NEEDED = (
    "model_index.json",
    "scheduler/scheduler_config.json",
    "text_encoder/config.json",
    "text_encoder/model.safetensors",
    "tokenizer/spiece.model",
    "tokenizer/tokenizer.json",
    "tokenizer/tokenizer_config.json",
    "transformer/config.json",
    "transformer/diffusion_pytorch_model-00001-of-00002.safetensors",
    "transformer/diffusion_pytorch_model-00002-of-00002.safetensors",
    "transformer/diffusion_pytorch_model.safetensors.index.json",
    "vae/config.json",
    "vae/diffusion_pytorch_model.safetensors",
)
"""The files of `write_checkpoint` that an engine reads."""
LARGEST = "transformer/diffusion_pytorch_model-00001-of-00002.safetensors"


class Handler(BaseHTTPRequestHandler):
    """The server's side. `folder` is set by `main`."""

    protocol_version = "HTTP/1.1"
    folder: Path

    def do_GET(self) -> None:
        self.behavior = json.loads((self.folder / "behavior").read_text())
        parts = unquote(urlsplit(self.path).path).strip("/").split("/")
        if parts[:2] == ["api", "models"]:
            self.record("api")
            self.send_listing("/".join(parts[2:4]), parts[5] if len(parts) > 4 else "main")
        elif len(parts) > 4 and parts[2] == "resolve" and parts[3] in REVISIONS:
            self.send_file("/".join(parts[:2]), "/".join(parts[4:]))
        else:
            self.send_json(404, {"error": "Not found"})

    def send_listing(self, repository: str, revision: str) -> None:
        folder = self.folder / repository
        if not folder.is_dir() or revision not in REVISIONS:
            self.send_json(404, {"error": "Repository not found"})
            return
        siblings = [self.sibling(folder, path) for path in sorted(folder.rglob("*")) if path.is_file()]
        self.send_json(200, {"id": repository, "sha": COMMIT, "siblings": siblings})

    def sibling(self, folder: Path, path: Path) -> dict[str, Any]:
        content = path.read_bytes()
        found = {"rfilename": path.relative_to(folder).as_posix(), "size": len(content), "blobId": "0" * 40}
        if path.suffix != ".safetensors":
            return found
        return found | {
            "lfs": {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 100}
        }

    def send_file(self, repository: str, path: str) -> None:
        content = (self.folder / repository / path).read_bytes()
        if self.behavior.get("corrupt") == path:
            content = content[:-1] + b"?"
        requested = self.headers.get("Range") if self.behavior.get("has_ranges", True) else None
        start = int(requested.removeprefix("bytes=").removesuffix("-")) if requested else 0
        self.record(path, start)
        time.sleep(self.behavior.get("delay", 0))
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        cut_after = self.behavior.get("cut_after", self.behavior.get("pause_after", len(content)))
        self.wfile.write(content[start : start + cut_after])
        self.wfile.flush()
        if start + cut_after < len(content):
            self.close_connection = True
            if "pause_after" in self.behavior:
                time.sleep(60)

    def send_json(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def record(self, path: str, start: int = 0) -> None:
        with (self.folder / "calls").open("a") as file:
            file.write(f"{path} {start}\n")

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


def main(folder: str, port: str) -> None:
    Handler.folder = Path(folder)
    with ThreadingHTTPServer(("127.0.0.1", int(port)), Handler) as server:
        server.daemon_threads = True
        server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
