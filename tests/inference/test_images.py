"""Decoding untrusted bytes: which images are read and which are rejected, with which code."""

import io
import struct
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, features

from inference.errors import ImageError
from inference.images import decode_image, encode_png, fit_image

ROOT = Path(__file__).parents[2]


def encode(image: Image.Image, image_format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def gradient(width: int = 40, height: int = 24) -> Image.Image:
    x, y = np.meshgrid(np.arange(width) * 255 // (width - 1), np.arange(height) * 255 // (height - 1))
    return Image.fromarray(np.stack([x, y, 255 - x], axis=2).astype(np.uint8))


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_bomb(width: int, height: int) -> bytes:
    """A one-bit PNG of the given size without a palette: highly compressible, with a correct header."""
    rows = zlib.compressobj(9)
    row = b"\0" * (width // 8 + 1)
    body = b"".join(rows.compress(row) for _ in range(height)) + rows.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", body) + png_chunk(b"IEND", b"")


def error_code(data: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        decode_image(data)
    assert caught.value.permanent
    assert caught.value.message.endswith(".")
    return caught.value.code


@pytest.mark.parametrize("name", ["astronaut.jpg", "cat.jpg", "coffee.jpg", "rocket.jpg"])
def test_reads_photographs(name: str) -> None:
    image = decode_image((ROOT / "samples" / name).read_bytes())
    assert image.mode == "RGB"
    assert image.info == {}


@pytest.mark.parametrize(("image_format", "options"), [("PNG", {}), ("WEBP", {"lossless": True})])
def test_lossless_pixels_are_preserved(image_format: str, options: dict[str, Any]) -> None:
    assert features.check("webp")
    image = decode_image(encode(gradient(), image_format, **options))
    np.testing.assert_array_equal(np.asarray(image), np.asarray(gradient()))
    np.testing.assert_array_equal(np.asarray(decode_image(encode_png(image))), np.asarray(image))


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "LA", "RGBA"])
def test_modes_become_rgb(mode: str) -> None:
    image_format = "JPEG" if mode == "CMYK" else "PNG"
    image = decode_image(encode(gradient().convert(mode), image_format))
    expected = np.asarray(gradient().convert(mode).convert("RGB")).astype(int)
    assert image.mode == "RGB"
    assert np.abs(np.asarray(image).astype(int) - expected).mean() < 4


def test_16_bit_grey_is_scaled_and_not_clipped() -> None:
    values = np.linspace(0, 65535, 40 * 24).reshape(24, 40).astype(np.uint16)
    image = decode_image(encode(Image.fromarray(values), "PNG"))
    assert np.abs(np.asarray(image)[..., 0].astype(int) - values // 257).max() <= 1


def test_transparent_pixels_become_white() -> None:
    clear = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    assert decode_image(encode(clear, "PNG")).getpixel((3, 3)) == (255, 255, 255)
    palette = Image.new("P", (8, 8), 0)
    palette.putpalette([255, 0, 0] + [0] * 765)
    assert decode_image(encode(palette, "PNG", transparency=0)).getpixel((3, 3)) == (255, 255, 255)


@pytest.mark.parametrize(("orientation", "size"), [(1, (40, 24)), (3, (40, 24)), (6, (24, 40)), (8, (24, 40))])
def test_exif_orientation_is_applied_and_metadata_dropped(orientation: int, size: tuple[int, int]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = "a secret"
    image = decode_image(encode(gradient(), "JPEG", exif=exif, comment=b"another"))
    assert image.size == size
    assert image.info == {}
    assert b"secret" not in encode_png(image)
    if orientation == 6:  # rotated clockwise: the lower left corner becomes the upper left one
        upper_left = np.asarray(image)[:4, :4].mean(axis=(0, 1))
        assert np.abs(upper_left - np.asarray(gradient())[-4:, :4].mean(axis=(0, 1))).max() < 30


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_broken_metadata_is_ignored() -> None:
    data = encode(gradient(), "JPEG")
    broken = b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12\x01"
    segment = b"\xff\xe1" + struct.pack(">H", len(broken) + 2) + broken
    assert decode_image(data[:2] + segment + data[2:]).size == (40, 24)


def test_rejects_files_that_are_not_images() -> None:
    assert error_code(b"") == "picture_unreadable"
    assert error_code(b"just a text file, named cat.png") == "picture_unsupported"
    assert error_code(encode(gradient(), "GIF")) == "picture_unsupported"
    assert error_code(encode(gradient(), "BMP")) == "picture_unsupported"
    assert error_code(b"<svg xmlns='http://www.w3.org/2000/svg'/>") == "picture_unsupported"
    assert error_code(b"\x89PNG\r\n\x1a\n" + b"rubbish" * 20) in {"picture_unreadable", "picture_truncated"}


@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "WEBP"])
def test_rejects_truncated_files(image_format: str) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8))
    data = encode(noise, image_format)
    for share in (0.3, 0.6, 0.95):
        assert error_code(data[: int(len(data) * share)]) in {"picture_truncated", "picture_unreadable"}
    assert error_code(encode(noise, "PNG")[:-30_000]) == "picture_truncated"


@pytest.mark.parametrize("image_format", ["PNG", "WEBP"])
def test_rejects_animations(image_format: str) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "green", "blue")]
    data = encode(frames[0], image_format, save_all=True, append_images=frames[1:], duration=100)
    assert error_code(data) == "picture_animated"


def test_rejects_decompression_bombs_without_decoding_them() -> None:
    bomb = png_bomb(9400, 9400)
    assert len(bomb) < 12_000
    tracemalloc.start()
    try:
        assert error_code(bomb) == "picture_too_large"
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    assert error_code(png_bomb(60_000, 60_000)[:4000]) == "picture_too_large"
    assert error_code(png_bomb(8200, 16)) == "picture_too_large"
    assert error_code(png_bomb(16, 8200)) == "picture_too_large"
    assert decode_image(png_bomb(8192, 410)).size == (8192, 410)


def test_pillows_global_limit_is_unchanged() -> None:
    before = Image.MAX_IMAGE_PIXELS
    decode_image(encode(gradient(), "PNG"))
    error_code(png_bomb(9400, 9400))
    assert before == Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize("seed", range(40))
def test_damaged_bytes_raise_only_image_errors(seed: int) -> None:
    random = np.random.default_rng(seed)
    image_format = ["PNG", "JPEG", "WEBP"][seed % 3]
    data = bytearray(encode(gradient(), image_format))
    for position in random.integers(8, len(data), 12):
        data[position] = random.integers(256)
    try:
        assert decode_image(bytes(data)).mode == "RGB"
    except ImageError as error:
        assert error.code.startswith("picture_")


@pytest.mark.parametrize("size", [(64, 64), (64, 32), (32, 64), (200, 100), (8, 8), (39, 23)])
def test_fit_covers_the_frame_without_borders(size: tuple[int, int]) -> None:
    white = Image.new("RGB", (640, 427), "white")
    fitted = fit_image(white, *size)
    assert fitted.size == size
    assert np.asarray(fitted).min() == 255


@pytest.mark.parametrize("height", range(1, 400, 3))
def test_a_quotient_that_is_rounded_up_does_not_crop_beyond_the_edge(height: int) -> None:
    assert fit_image(Image.new("L", (64, 48)), 64, height).size == (64, height)


def test_a_narrow_image_is_rejected_and_not_scaled_up() -> None:
    with pytest.raises(ImageError, match="too narrow"):
        decode_image(encode_png(Image.new("RGB", (2048, 2))))
    tall = Image.new("RGB", (2000, 100))
    assert fit_image(tall, 64, 64).size == (64, 64)


def test_a_jpeg_with_a_thousand_scans_is_rejected() -> None:
    buffer = io.BytesIO()
    Image.new("L", (64, 64)).save(buffer, "JPEG", progressive=True)
    raw = buffer.getvalue()
    start, end = raw.rindex(b"\xff\xda"), raw.rindex(b"\xff\xd9")
    with pytest.raises(ImageError, match="too many scans"):
        decode_image(raw[:end] + raw[start:end] * 1000 + raw[end:])


def test_the_first_image_of_an_mpo_file_is_read() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(buffer, "MPO", save_all=True, append_images=[Image.new("RGB", (8, 6))])
    assert decode_image(buffer.getvalue()).size == (40, 30)
