"""A process that decodes images within limits of CPU time and memory: see `inference.image_decoding.pool`.

It receives the bytes of files through the socket that is its standard input, and sends for each one a JSON header and
a PNG. It ends when the other side closes the socket, or dies. An image that takes too long or crashes a library ends
it too. It imports neither Django nor torch nor numpy.
"""

import json
import resource
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

from inference.errors import ImageError
from inference.image_decoding.decode import decode_image
from inference.image_decoding.messages import receive_message, send_message
from inference.images import encode_png


def main(max_side: int, max_cpu_seconds: float, max_memory_bytes: int) -> None:
    """Decode images until the other side closes the connection. The limits are those of the pool."""
    # The parent decides when this process ends: a signal to the whole process group must not lose an image.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _limit_resources(max_memory_bytes)
    connection = socket.socket(fileno=sys.stdin.fileno())
    with suppress(EOFError, ConnectionError):
        send_message(connection, b"ready")
        while True:
            data = receive_message(connection)
            # The default action of SIGPROF ends the process, also inside a library.
            signal.setitimer(signal.ITIMER_PROF, max_cpu_seconds)
            header, png = _decode(data, max_side)
            signal.setitimer(signal.ITIMER_PROF, 0)
            send_message(connection, header)
            send_message(connection, png)


def _limit_resources(max_memory_bytes: int) -> None:
    for limit in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        resource.setrlimit(limit, (0, 0))
    if sys.platform == "linux":
        occupied = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        maximum = occupied + max_memory_bytes
        resource.setrlimit(resource.RLIMIT_AS, (maximum, maximum))


def _decode(data: bytes, max_side: int) -> tuple[bytes, bytes]:
    try:
        image = decode_image(data, max_side=max_side)
        return json.dumps({"size": image.size}).encode(), encode_png(image)
    except ImageError as error:
        content = {"code": error.code, "template": error.template, "params": error.params}
        return json.dumps({"error": content}).encode(), b""
    except MemoryError:
        return json.dumps({"memory": True}).encode(), b""


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
