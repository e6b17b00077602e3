"""Decode images in processes of their own, within limits of CPU time and memory.

A library that crashes, hangs or takes too much memory costs one such process and not the process of the site.
"""

import atexit
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from inference.errors import ImageError
from inference.image_decoding.messages import receive_message, send_message
from inference.image_decoding.parts import damaged, too_much_memory, too_much_time

_ROOT = Path(__file__).parents[2]
# For the start of a process, if one is needed, and an image.
_TIMEOUT_SECONDS = 20.0
# For one image. The slowest ones of 25 megapixels, HEIC with transparency, take five seconds; photographs one to three.
_MAX_CPU_SECONDS = 8.0
# On top of what a process occupies when it starts. The largest images, lossless WebP with transparency, take 800 MB.
_MAX_MEMORY_BYTES = 900_000_000
# Signals by which a library ends its process. The process can be killed from outside by others.
_CRASHES = {signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL}
# What Python and its libraries need to be found.
_INHERITED_VARIABLES = ("LD_LIBRARY_PATH", "PATH")


class DecoderUnavailable(Exception):
    """No process is free, or it could not be started, or it was killed. The image is not at fault."""


@dataclass(frozen=True)
class DecodedImage:
    """An upright sRGB image, encoded as PNG."""

    png: bytes = field(repr=False)
    size: tuple[int, int]


class DecoderPool:
    """Up to `size` decoder processes, which are started when they are needed. Threads may share a pool.

    max_side: decoded images are scaled down to this many pixels along the longer side.
    """

    def __init__(self, size: int, *, max_side: int) -> None:
        self._max_side = max_side
        # The process that was used last is used next, so that few are started.
        self._decoders: queue.LifoQueue[_Decoder | None] = queue.LifoQueue()
        for _ in range(size):
            self._decoders.put(None)
        atexit.register(self.close)

    def decode(self, data: bytes) -> DecodedImage:
        """Decode an image. Raise ImageError, or DecoderUnavailable at once if all processes are busy."""
        try:
            decoder = self._decoders.get_nowait()
        except queue.Empty:
            raise DecoderUnavailable("All decoders are busy.") from None
        deadline = time.monotonic() + _TIMEOUT_SECONDS
        try:
            if decoder is not None and not decoder.is_usable():
                decoder.close()
                decoder = None
            decoder = decoder or _Decoder(self._max_side, deadline)
            return decoder.decode(data, deadline)
        finally:
            self._decoders.put(decoder)

    def close(self) -> None:
        """End the processes that are not busy."""
        with suppress(queue.Empty):
            while True:
                if (decoder := self._decoders.get_nowait()) is not None:
                    decoder.close()


class _Decoder:
    """One process and the connection to it."""

    def __init__(self, max_side: int, deadline: float) -> None:
        self._owner = os.getpid()
        limits = (max_side, _MAX_CPU_SECONDS, _MAX_MEMORY_BYTES)
        inherited = {name: os.environ[name] for name in _INHERITED_VARIABLES if name in os.environ}
        self._connection, child_socket = socket.socketpair()
        try:
            with child_socket:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "inference.image_decoding.process", *map(str, limits)],
                    stdin=child_socket.fileno(),
                    stdout=subprocess.DEVNULL,
                    cwd="/",
                    # No secrets of the site. One arena: each one of a thread would count as memory.
                    env={**inherited, "PYTHONPATH": str(_ROOT), "MALLOC_ARENA_MAX": "1"},
                )
        except OSError as error:
            self._connection.close()
            raise DecoderUnavailable(f"A decoder could not be started: {error}") from error
        try:
            self._set_deadline(deadline)
            receive_message(self._connection)
        except (OSError, EOFError) as error:
            self.close()
            raise DecoderUnavailable(f"A decoder ended at its start: {error or type(error).__name__}") from error

    def is_usable(self) -> bool:
        """Return whether the process runs and belongs to this process, which may be a fork of its parent."""
        return self._owner == os.getpid() and self._connection.fileno() != -1 and self._process.poll() is None

    def decode(self, data: bytes, deadline: float) -> DecodedImage:
        try:
            self._set_deadline(deadline)
            send_message(self._connection, data)
            header, png = json.loads(receive_message(self._connection)), receive_message(self._connection)
        except TimeoutError as error:
            self.close()
            raise DecoderUnavailable(f"An image was not decoded within {_TIMEOUT_SECONDS:.0f} seconds.") from error
        except (OSError, EOFError) as error:
            raise self._exit_error() from error
        if fault := header.get("error"):
            raise ImageError.restore(**fault)
        if header.get("memory"):
            raise too_much_memory()
        width, height = header["size"]
        return DecodedImage(png, (width, height))

    def _set_deadline(self, deadline: float) -> None:
        # Zero would make the connection non-blocking.
        self._connection.settimeout(max(deadline - time.monotonic(), 0.001))

    def close(self) -> None:
        """End the process."""
        self._connection.close()
        if self._owner == os.getpid():
            self._process.kill()
            self._process.wait()

    def _exit_error(self) -> ImageError | DecoderUnavailable:
        self._connection.close()
        status = self._process.wait()
        if -status == signal.SIGPROF:
            return too_much_time()
        return damaged() if -status in _CRASHES else DecoderUnavailable(f"A decoder ended with status {status}.")
