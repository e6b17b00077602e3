"""Decoder processes: their limits, their end, and that they are replaced."""

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from inference.errors import ImageError
from inference.image_decoding import pool as pool_module
from inference.image_decoding.decode import decode_image
from inference.image_decoding.pool import DecoderPool, DecoderUnavailable
from tests.support.odd_images import drawing, encode

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.process


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[DecoderPool]:
    # A busy machine may take longer than people wait.
    monkeypatch.setattr(pool_module, "_TIMEOUT_SECONDS", 600)
    made = DecoderPool(1, max_side=2048)
    yield made
    made.close()


def decoder_pid(pool: DecoderPool) -> int:
    decoder = pool._decoders.queue[-1]
    assert decoder is not None
    return decoder._process.pid


def test_a_decoder_decodes_many_images_and_errors(pool: DecoderPool) -> None:
    for _ in range(3):
        decoded = pool.decode(encode(drawing(), "PNG"))
        assert decoded.size == (96, 64)
        assert Image.open(io.BytesIO(decoded.png)).tobytes() == drawing().tobytes()
        with pytest.raises(ImageError, match="This is a file in GIF format"):
            pool.decode(encode(drawing(), "GIF"))
    pid = decoder_pid(pool)
    assert pool.decode(encode(Image.new("RGB", (3000, 1500)), "PNG")).size == (2048, 1024)
    assert decoder_pid(pool) == pid


def test_an_image_that_takes_too_long_is_refused_and_the_next_one_decoded(
    pool: DecoderPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "_MAX_CPU_SECONDS", 0.2)
    with pytest.raises(ImageError, match="takes too long") as caught:
        pool.decode(encode(drawing(5000, 5000), "JPEG"))
    assert caught.value.code == "picture_unreadable"
    assert pool.decode(encode(drawing(), "JPEG")).size == (96, 64)


def test_a_decoder_that_was_killed_is_replaced(pool: DecoderPool) -> None:
    pool.decode(encode(drawing(), "PNG"))
    first = decoder_pid(pool)
    os.kill(first, signal.SIGKILL)
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    assert pool.decode(encode(drawing(), "PNG")).size == (96, 64)
    assert decoder_pid(pool) != first


def test_a_busy_pool_says_so(pool: DecoderPool) -> None:
    decoder = pool._decoders.get_nowait()
    with pytest.raises(DecoderUnavailable, match="All decoders are busy"):
        pool.decode(b"")
    pool._decoders.put(decoder)


@pytest.mark.parametrize("program", ["/bin/false", "/nonexistent/python"])
def test_a_decoder_that_cannot_start_is_not_the_fault_of_the_image(
    pool: DecoderPool, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    monkeypatch.setattr(sys, "executable", program)
    with pytest.raises(DecoderUnavailable, match=r"could not be started|ended at its start"):
        pool.decode(encode(drawing(), "PNG"))


def test_an_image_that_takes_too_much_memory_is_refused_and_the_next_one_decoded(
    pool: DecoderPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "_MAX_MEMORY_BYTES", 40_000_000)
    with pytest.raises(ImageError, match="needs more memory") as caught:
        pool.decode(encode(drawing(5000, 5000), "JPEG"))
    assert caught.value.code == "picture_too_large"
    assert pool.decode(encode(drawing(), "JPEG")).size == (96, 64)


def test_a_decoder_ends_with_its_parent() -> None:
    program = (
        "import os\n"
        "from inference.image_decoding.pool import DecoderPool\n"
        "from tests.support.odd_images import drawing, encode\n"
        "pool = DecoderPool(1, max_side=64)\n"
        "pool.decode(encode(drawing(), 'PNG'))\n"
        "print(pool._decoders.queue[-1]._process.pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    parent = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    path = Path(f"/proc/{int(parent.stdout)}/stat")
    deadline = time.monotonic() + 60
    while path.exists() and ") Z " not in path.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
def test_the_largest_images_stay_within_the_limits(pool: DecoderPool, image_format: str) -> None:
    large = drawing(5000, 5000)
    if image_format != "JPEG":
        large.putalpha(large.getchannel("R"))
    assert pool.decode(encode(large, image_format)).size == (2048, 2048)


def test_the_module_of_the_process_decodes_as_this_one(pool: DecoderPool) -> None:
    data = encode(drawing(), "JPEG")
    assert Image.open(io.BytesIO(pool.decode(data).png)).tobytes() == decode_image(data).tobytes()
