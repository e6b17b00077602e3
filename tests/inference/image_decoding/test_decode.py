"""Decoding untrusted bytes: which images are read and which are rejected, with which code."""

import io
import struct
import time
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, features

from inference.errors import ImageError
from inference.image_decoding.decode import decode_image
from inference.images import encode_png
from tests.support.odd_images import (
    OddImage,
    drawing,
    encode,
    exif,
    odd_images,
    png_chunk,
    profiles,
    with_jpeg_segments,
    with_png_chunks,
)

ROOT = Path(__file__).parents[3]


def gradient(width: int = 40, height: int = 24) -> Image.Image:
    x, y = np.meshgrid(np.arange(width) * 255 // (width - 1), np.arange(height) * 255 // (height - 1))
    return Image.fromarray(np.stack([x, y, 255 - x], axis=2).astype(np.uint8))


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


def test_16_bit_gray_is_scaled_and_not_clipped() -> None:
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
    frames = [Image.new("RGB", (16, 16), color) for color in ("red", "green", "blue")]
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


def test_a_narrow_image_is_rejected_and_not_scaled_up() -> None:
    with pytest.raises(ImageError, match="too narrow"):
        decode_image(encode_png(Image.new("RGB", (2048, 2))))


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


def difference(one: Image.Image, other: Image.Image) -> float:
    assert one.size == other.size
    return float(np.abs(np.asarray(one).astype(int) - np.asarray(other).astype(int)).mean())


@pytest.mark.parametrize("image", list(odd_images()), ids=lambda image: image.name)
def test_odd_images_are_read(image: OddImage) -> None:
    assert decode_image(image.data).size in {(96, 64), (64, 96), (64, 32)}


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("kind", [0, 4, 5, 11, 12, 13, 99])
@pytest.mark.parametrize("tag", [0x010F, 0x0131, 0x8825, 0x8769, 0x011A])
def test_a_broken_exif_tag_neither_refuses_nor_turns_an_image(image_format: str, kind: int, tag: int) -> None:
    entry = struct.pack("<HHII", tag, kind, 7, 0xFFFFFFF0)
    data = exif(6, extra=entry)
    options: dict[str, Any] = {"lossless": True} if image_format == "WEBP" else {}
    encoded = encode(drawing(), image_format, **options)
    if image_format == "JPEG":
        broken = with_jpeg_segments(encoded, (0xE1, b"Exif\0\0" + data))
    elif image_format == "PNG":
        broken = with_png_chunks(encoded, png_chunk(b"eXIf", data))
    else:
        broken = encode(drawing(), image_format, lossless=True, exif=data)
    turned = drawing() if image_format == "WEBP" else drawing().transpose(Image.Transpose.ROTATE_270)
    assert difference(decode_image(broken), turned) < 3


def test_an_orientation_that_browsers_ignore_is_ignored() -> None:
    jpeg = encode(drawing(), "JPEG")
    assert decode_image(with_jpeg_segments(jpeg, (0xE1, b"Exif\0\0" + exif(6, kind=4)))).size == (96, 64)
    xmp = b"http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation='6'/>"
    assert decode_image(with_jpeg_segments(jpeg, (0xE1, xmp))).size == (96, 64)


def test_a_color_profile_is_converted_to_srgb() -> None:
    p3 = Image.new("RGB", (32, 32), (200, 100, 50))
    for image_format in ("JPEG", "PNG", "WEBP", "AVIF", "HEIF"):
        converted = decode_image(encode(p3, image_format, icc_profile=profiles()["p3"])).getpixel((9, 9))
        assert isinstance(converted, tuple)
        # As computed with the matrices of CSS Color 4.
        assert np.abs(np.subtract(converted, (215, 93, 31))).max() <= 4, image_format


def test_the_transparent_color_of_16_bits_matches_all_bits() -> None:
    images = {image.name: image.data for image in odd_images()}
    for name in ("gray-16-near", "rgb-16-near"):
        image = decode_image(images[name])
        assert [image.getpixel((x, 9)) for x in (9, 50)] == [(255, 255, 255), (128, 128, 128)]


def test_what_surrounds_the_pixels_cannot_refuse_an_image() -> None:
    jpeg, png = encode(drawing(), "JPEG", quality=95), encode(drawing(), "PNG")
    scan = b"\xff\xda"
    for data in (
        jpeg + b"\0\0\0\x18ftypmp42" + scan * 500,
        with_jpeg_segments(jpeg, (0xFE, scan * 400), (0xEB, scan * 400)),
        jpeg[:2] + b"\xff" * 9000 + jpeg[2:],
        with_png_chunks(png, png_chunk(b"zTXt", b"a" * 3_000_000)),
        with_png_chunks(png, png_chunk(b"tIME", b"1234567", checksum=1)),
        *(
            with_png_chunks(png, png_chunk(kind, b""))
            for kind in (b"pHYs", b"gAMA", b"iCCP", b"eXIf", b"acTL", b"tRNS")
        ),
        png[:-12],
    ):
        assert difference(decode_image(data), drawing()) < 3


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (encode(drawing(), "GIF"), "GIF"),
        (encode(drawing(), "BMP"), "BMP"),
        (encode(drawing(), "TIFF"), "TIFF"),
        (encode(drawing(), "ICO"), "ICO"),
        (encode(drawing(), "JPEG2000"), "JPEG 2000"),
        (b"%PDF-1.7", "PDF"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "MP4"),
        (b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"<!DOCTYPE html><html>", "HTML"),
    ],
)
def test_other_formats_are_refused_by_name(data: bytes, name: str) -> None:
    with pytest.raises(ImageError, match=f"{name}.* format. Send a PNG, JPEG, WebP, HEIC or AVIF image") as caught:
        decode_image(data)
    assert caught.value.code == "picture_unsupported"


def _fill_bytes() -> bytes:
    jpeg = encode(drawing(), "JPEG")
    return jpeg[:-2] + b"\xff" * 40_000_000 + jpeg[-2:]


@pytest.mark.parametrize(
    ("make", "accepted"),
    [
        (_fill_bytes, True),
        (lambda: with_png_chunks(encode(drawing(), "PNG"), png_chunk(b"tEXt", b"") * 2_000_000), False),
        (lambda: with_png_chunks(encode(drawing(), "PNG"), png_chunk(b"IDAT", b"") * 2_000_000), False),
        (lambda: encode(drawing(), "JPEG")[:2] + b"\xff\xfe\0\2" * 2_000_000, False),
        (lambda: encode(drawing(), "JPEG")[:2] + b"\xff\0" * 20_000_000, False),
        (lambda: encode(drawing(), "WEBP")[:12] + b"ABCD\0\0\0\0" * 2_000_000, False),
    ],
    ids=["fill", "chunks", "empty pixels", "comments", "stuffing", "webp chunks"],
)
def test_many_parts_take_no_time(make: Callable[[], bytes], accepted: bool) -> None:
    data = make()
    if data[8:12] == b"WEBP":
        data = data[:4] + struct.pack("<I", len(data) - 8) + data[8:]
    start = time.process_time()
    if accepted:
        decode_image(data)
    else:
        assert error_code(data) == "picture_unreadable"
    assert time.process_time() - start < 2
