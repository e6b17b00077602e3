"""Decode mutations of images that know the structure of the formats: `python -m tests.inference.image_decoding.fuzz`.

Every case ends in an image or an ImageError, within two CPU seconds and 400 MB.
"""

import argparse
import random
import struct
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Sequence

from PIL import Image

from inference.errors import ImageError
from inference.image_decoding.decode import decode_image
from tests.support.memory import PeakMemory
from tests.support.odd_images import PNG_SIGNATURE, drawing, encode, odd_images, png_chunk, with_png_chunks

MAX_CPU_SECONDS = 2.0
MAX_MEMORY_MB = 400
# Values that break arithmetic: sizes, counts and positions of 8, 16 and 32 bits.
_NUMBERS = (0, 1, 2, 7, 8, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_OTHER_SIGNATURES = (PNG_SIGNATURE, b"\xff\xd8\xff\xe0", b"RIFF\x40\0\0\0WEBPVP8 ", b"\0\0\0\x18ftypheic", b"GIF89a")


def split(data: bytes) -> list[bytes]:
    """Return the chunks, segments or boxes of a file."""
    if data.startswith(PNG_SIGNATURE):
        return _split(data, 8, lambda at: 12 + int.from_bytes(data[at : at + 4], "big"))
    if data.startswith(b"\xff\xd8"):
        scan = data.find(b"\xff\xda")
        return [*_split(data[:scan], 2, lambda at: 2 + int.from_bytes(data[at + 2 : at + 4], "big")), data[scan:]]
    if data.startswith(b"RIFF"):
        return _split(data, 12, lambda at: 8 + (int.from_bytes(data[at + 4 : at + 8], "little") + 1) // 2 * 2)
    # HEIC and AVIF: the box of the metadata has boxes of its own after its header.
    start = data.find(b"meta") + 8
    return _split(data, start, lambda at: int.from_bytes(data[at : at + 4], "big"))


def _split(data: bytes, start: int, length_at: Callable[[int], int]) -> list[bytes]:
    parts, position = [data[:start]], start
    while position < len(data):
        end = position + max(1, length_at(position))
        parts.append(data[position:end])
        position = end
    return parts


def mutate(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """Return the file with one to four faults."""
    parts = split(data)
    for _ in range(rng.randint(1, 4)):
        index = rng.randrange(len(parts))
        parts[index : index + 1] = rng.choice(_MUTATIONS)(parts[index], rng)
        parts = parts or [b""]
    if rng.random() < 0.1:
        parts.insert(rng.randrange(len(parts)), rng.choice(split(other)))
    if rng.random() < 0.1:
        rng.shuffle(parts)
    if data.startswith(PNG_SIGNATURE) and rng.random() < 0.8:
        parts = [parts[0], *map(_with_checksum, parts[1:])]
    mutant = b"".join(parts)
    if rng.random() < 0.05:
        mutant = rng.choice(_OTHER_SIGNATURES) + mutant[rng.randrange(16) :]
    return mutant[: rng.randrange(len(mutant) + 1)] if rng.random() < 0.1 else mutant


def _change_bytes(part: bytes, rng: random.Random) -> list[bytes]:
    changed = bytearray(part)
    for _ in range(rng.randint(1, 8)):
        if changed:
            changed[rng.randrange(len(changed))] = rng.randrange(256)
    return [bytes(changed)]


def _write_number(part: bytes, rng: random.Random) -> list[bytes]:
    layout = rng.choice((">B", ">H", "<H", ">I", "<I"))
    size = struct.calcsize(layout)
    start = rng.randrange(max(1, min(len(part), 40)))
    return [part[:start] + struct.pack(layout, rng.choice(_NUMBERS) % 256**size) + part[start + size :]]


def _cut(part: bytes, rng: random.Random) -> list[bytes]:
    start = rng.randrange(len(part) + 1)
    return [part[:start] + part[start + rng.randint(1, 30) :]]


def _insert(part: bytes, rng: random.Random) -> list[bytes]:
    start = rng.randrange(len(part) + 1)
    return [part[:start] + rng.choice((rng.randbytes(9), b"\xff" * 999, b"\0" * 999)) + part[start:]]


def _repeat(part: bytes, rng: random.Random) -> list[bytes]:
    return [part] * rng.choice((0, 2, 3, 200))


_MUTATIONS: Sequence[Callable[[bytes, random.Random], list[bytes]]] = (
    _change_bytes,
    _write_number,
    _cut,
    _insert,
    _repeat,
)


def _with_checksum(chunk: bytes) -> bytes:
    body = chunk[4:-4]
    return struct.pack(">I", max(0, len(body) - 4)) + body + struct.pack(">I", zlib.crc32(body))


def _bombs() -> list[bytes]:
    """Files that take long without a bound: many scans, chunks, pixels or fill bytes."""
    jpeg, png = encode(Image.new("L", (1000, 1000)), "JPEG", progressive=True), encode(drawing(), "PNG")
    start, end = jpeg.rindex(b"\xff\xda"), jpeg.rindex(b"\xff\xd9")
    header = struct.pack(">IIBBBBB", 12_000, 12_000, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(12_000 * (1 + 12_000 // 8)))
    return [
        jpeg[:end] + jpeg[start:end] * 4000 + jpeg[end:],
        with_png_chunks(png, png_chunk(b"tEXt", b"") * 4_000_000),
        PNG_SIGNATURE + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", rows) + png_chunk(b"IEND", b""),
        jpeg[:end] + b"\xff" * 40_000_000 + jpeg[end:],
    ]


def cases(count: int, seed: int) -> Iterator[bytes]:
    """Yield files, the same ones for the same seed."""
    rng = random.Random(seed)
    sources = [image.data for image in odd_images() if len(image.data) < 100_000]
    sources += [encode(drawing(), "WEBP", lossless=lossless) for lossless in (True, False)] * 4
    sources += [encode(drawing(), "JPEG", progressive=True)] * 4
    others = [encode(drawing(), kind) for kind in ("GIF", "TIFF", "BMP", "ICO", "JPEG2000")]
    bombs = _bombs()
    for index in range(count):
        if index % 300 == 1:
            yield bombs[index // 300 % len(bombs)]
        elif index % 50 == 0:
            yield rng.choice(_OTHER_SIGNATURES) + rng.choice(others)[rng.randrange(20) :]
        else:
            yield mutate(rng.choice(sources), rng.choice(sources), rng)


def run(count: int, seed: int, *, decode: Callable[[bytes], Image.Image] = decode_image) -> list[str]:
    """Decode the cases. Return what went wrong, with the number of the case."""
    faults: list[str] = []
    accepted = 0
    for index, data in enumerate(cases(count, seed)):
        memory, start = PeakMemory(), time.process_time()
        try:
            accepted += decode(data).mode == "RGB"
        except ImageError:
            pass
        except Exception as error:
            faults.append(f"seed {seed}, case {index}: {error!r}")
        if (seconds := time.process_time() - start) > MAX_CPU_SECONDS:
            faults.append(f"seed {seed}, case {index}: {seconds:.1f} CPU seconds")
        if (megabytes := memory.growth_mb()) > MAX_MEMORY_MB:
            faults.append(f"seed {seed}, case {index}: {megabytes:.0f} MB of memory")
    if not accepted:
        faults.append("no case was accepted")
    return faults


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    faults = run(options.cases, options.seed)
    sys.stdout.write("\n".join([*faults, f"{options.cases} cases, {len(faults)} faults"]) + "\n")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
