"""Images whose rendering depends on more than their pixels: color, orientation, transparency, odd containers.

All are made here from one drawing. `twin` is what a browser can show in the place of a format that it cannot read.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
import pillow_heif
from PIL import Image, ImageCms

from inference.image_decoding.color import cicp_profile, gamma_profile

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
DISPLAY_P3, BT2020, LINEAR, GAMMA_22 = 12, 9, 8, 4
ADOBE_RGB = (0.3127, 0.3290, 0.640, 0.330, 0.210, 0.710, 0.150, 0.060)

pillow_heif.register_heif_opener()


@dataclass(frozen=True)
class OddImage:
    name: str
    data: bytes
    media_type: str
    twin: bytes | None = None


def drawing(width: int = 96, height: int = 64) -> Image.Image:
    """Four different corners and gradients of all channels, so that a turn or another color is seen."""
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    pixels = np.stack([x, y, 255 - x * y / 255], axis=2)
    pixels[: height // 4, : width // 4] = (230, 40, 30)
    return Image.fromarray(pixels.astype(np.uint8))


def encode(image: Image.Image, image_format: str, **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def png_chunk(kind: bytes, body: bytes, *, checksum: int | None = None) -> bytes:
    checksum = zlib.crc32(kind + body) if checksum is None else checksum
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)


def with_png_chunks(png: bytes, *chunks: bytes) -> bytes:
    """Insert chunks after the header."""
    return png[:33] + b"".join(chunks) + png[33:]


def with_jpeg_segments(jpeg: bytes, *segments: tuple[int, bytes]) -> bytes:
    """Insert segments after the start of the image: marker and content."""
    return (
        jpeg[:2]
        + b"".join(bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body for marker, body in segments)
        + jpeg[2:]
    )


def exif(orientation: int, *, kind: int = 3, order: str = "<", extra: bytes = b"") -> bytes:
    """A TIFF structure with an orientation of the type SHORT, or another, and more entries of 12 bytes before it."""
    signature = {"<": b"II*\0", ">": b"MM\0*"}[order]
    value = struct.pack(f"{order}H2x", orientation) if kind == 3 else struct.pack(f"{order}I", orientation)
    entry = struct.pack(f"{order}HHI", 0x0112, kind, 1) + value
    count = 1 + len(extra) // 12
    return signature + struct.pack(f"{order}IH", 8, count) + extra + entry + b"\0\0\0\0"


def raw_png(pixels: "np.ndarray[Any, Any]", depth: int, color_type: int, *chunks: bytes) -> bytes:
    """A PNG of rows of bytes that are packed already."""
    height = pixels.shape[0]
    width = pixels.shape[1] * 8 // depth // {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color_type]
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, 0)
    return (
        PNG_SIGNATURE
        + png_chunk(b"IHDR", header)
        + b"".join(chunks)
        + png_chunk(b"IDAT", zlib.compress(rows))
        + png_chunk(b"IEND", b"")
    )


def profiles() -> dict[str, bytes]:
    """RGB profiles by name."""
    srgb = bytes(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    made = {
        "p3": cicp_profile(DISPLAY_P3, 13),
        "bt2020": cicp_profile(BT2020, GAMMA_22),
        "linear": cicp_profile(1, LINEAR),
        "adobe": gamma_profile(1 / 2.2, ADOBE_RGB),
    }
    named = {name: profile for name, profile in made.items() if profile}
    return {"srgb": srgb, "swapped": _swapped(named["p3"]), **named}


def gray_profile(gamma: float = 1.0) -> bytes:
    """A profile of gray with a curve."""
    curve = b"curv" + struct.pack(">IIHH", 0, 1, round(gamma * 256), 0)
    white = b"XYZ " + struct.pack(">I3i", 0, 63190, 65536, 54061)
    table = struct.pack(">I", 2) + b"kTRC" + struct.pack(">II", 156, 16) + b"wtpt" + struct.pack(">II", 172, 20)
    size = 192
    header = struct.pack(
        ">I4sI4s4s4s12s4s68x16x", size, b"\0" * 4, 0x02100000, b"mntr", b"GRAY", b"XYZ ", b"\0" * 12, b"acsp"
    )
    illuminant = struct.pack(">3i", 63190, 65536, 54061)
    header = header[:68] + illuminant + header[80:128]
    return header + table + curve + white


def _swapped(profile: bytes) -> bytes:
    """Red for green: the names of two columns are exchanged."""
    return profile.replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")


def odd_images() -> Iterator[OddImage]:
    yield from _colors()
    yield from _png_colors()
    yield from _orientations()
    yield from _transparency()
    yield from _containers()
    yield from _heif()


def _colors() -> Iterator[OddImage]:
    image = drawing()
    for name, profile in profiles().items():
        yield OddImage(f"jpeg-{name}", encode(image, "JPEG", quality=95, icc_profile=profile), "image/jpeg")
        yield OddImage(f"png-{name}", encode(image, "PNG", icc_profile=profile), "image/png")
    p3 = profiles()["p3"]
    yield OddImage("webp-p3", encode(image, "WEBP", lossless=True, icc_profile=p3), "image/webp")
    yield OddImage("palette-p3", encode(image.quantize(64), "PNG", icc_profile=p3), "image/png")
    alpha = image.copy()
    alpha.putalpha(image.getchannel("R"))
    yield OddImage("alpha-linear", encode(alpha, "PNG", icc_profile=profiles()["linear"]), "image/png")
    gray = image.convert("L")
    yield OddImage("gray-jpeg-linear", encode(gray, "JPEG", icc_profile=gray_profile()), "image/jpeg")
    yield OddImage("gray-png-linear", encode(gray, "PNG", icc_profile=gray_profile()), "image/png")
    yield OddImage("gray-jpeg-rgb-profile", encode(gray, "JPEG", icc_profile=profiles()["linear"]), "image/jpeg")
    yield OddImage("rgb-jpeg-gray-profile", encode(image, "JPEG", icc_profile=gray_profile()), "image/jpeg")
    yield OddImage("jpeg-broken-profile", encode(image, "JPEG", icc_profile=p3[:200]), "image/jpeg")
    yield OddImage("jpeg-cmyk", encode(image.convert("CMYK"), "JPEG", quality=95), "image/jpeg")


def _png_colors() -> Iterator[OddImage]:
    png = encode(drawing(), "PNG")
    adobe = struct.pack(">8I", *(round(value * 100_000) for value in ADOBE_RGB))
    gamma = {value: png_chunk(b"gAMA", struct.pack(">I", value)) for value in (45455, 100_000)}
    chromaticities, srgb = png_chunk(b"cHRM", adobe), png_chunk(b"sRGB", b"\0")
    cases = {
        "gamma-linear": [gamma[100_000]],
        "gamma-and-chromaticities": [gamma[45455], chromaticities],
        "chromaticities-alone": [chromaticities],
        "srgb-wins-over-gamma": [srgb, gamma[100_000]],
        "gamma-wrong-checksum": [png_chunk(b"gAMA", struct.pack(">I", 100_000), checksum=1)],
        "gamma-short": [png_chunk(b"gAMA", b"\0\1")],
        "cicp-p3": [png_chunk(b"cICP", bytes((12, 13, 0, 1)))],
        "cicp-linear": [png_chunk(b"cICP", bytes((1, 8, 0, 1)))],
        "cicp-bt2020": [png_chunk(b"cICP", bytes((9, 14, 0, 1)))],
        "cicp-bt709": [png_chunk(b"cICP", bytes((1, 1, 0, 1)))],
    }
    for name, chunks in cases.items():
        yield OddImage(f"png-{name}", with_png_chunks(png, *chunks), "image/png")


def _orientations() -> Iterator[OddImage]:
    jpeg = encode(drawing(), "JPEG", quality=95)
    broken = struct.pack("<HHII", 0x010F, 5, 1, 0xFFFFFFFF)
    cases = {
        **{f"orientation-{value}": exif(value) for value in (2, 5, 6, 8)},
        "orientation-big-endian": exif(6, order=">"),
        "orientation-long": exif(6, kind=4),
        "orientation-9": exif(9),
        "orientation-after-broken-tag": exif(6, extra=broken),
    }
    for name, data in cases.items():
        yield OddImage(name, with_jpeg_segments(jpeg, (0xE1, b"Exif\0\0" + data)), "image/jpeg")
    xmp = (
        b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x='adobe:ns:meta/'>"
        b"<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>"
        b"<rdf:Description xmlns:tiff='http://ns.adobe.com/tiff/1.0/' tiff:Orientation='6'/></rdf:RDF></x:xmpmeta>"
    )
    yield OddImage("orientation-xmp", with_jpeg_segments(jpeg, (0xE1, xmp)), "image/jpeg")
    png = encode(drawing(), "PNG")
    yield OddImage("orientation-png", with_png_chunks(png, png_chunk(b"eXIf", exif(6))), "image/png")
    yield OddImage("orientation-webp", encode(drawing(), "WEBP", lossless=True, exif=exif(6)), "image/webp")


def _transparency() -> Iterator[OddImage]:
    x = np.tile(np.arange(64, dtype=">u2") * 1024, (32, 1))
    gray = raw_png(x.view(np.uint8), 16, 0, png_chunk(b"tRNS", struct.pack(">H", 0x8000)))
    yield OddImage("gray-16-transparent", gray, "image/png")
    near = np.where(np.arange(64) < 32, 0x80FF, 0x8000).astype(">u2")
    yield OddImage(
        "gray-16-near",
        raw_png(np.tile(near, (32, 1)).view(np.uint8), 16, 0, png_chunk(b"tRNS", b"\x80\xff")),
        "image/png",
    )
    color = np.tile(near[:, None].repeat(3, axis=1).reshape(-1), (32, 1)).view(np.uint8)
    rgb = raw_png(color, 16, 2, png_chunk(b"tRNS", b"\x80\xff" * 3))
    yield OddImage("rgb-16-near", rgb, "image/png")
    pairs = np.tile(np.array([0b00011011], dtype=np.uint8), (32, 16))
    yield OddImage("gray-2-transparent", raw_png(pairs, 2, 0, png_chunk(b"tRNS", b"\0\1")), "image/png")
    bits = np.tile(np.array([0b00001111], dtype=np.uint8), (32, 8))
    yield OddImage("gray-1-transparent", raw_png(bits, 1, 0, png_chunk(b"tRNS", b"\0\0")), "image/png")
    palette = drawing().quantize(16)
    yield OddImage("palette-alpha", encode(palette, "PNG", transparency=bytes(range(0, 256, 16))), "image/png")
    gray_alpha = drawing().convert("LA")
    gray_alpha.putalpha(drawing().getchannel("G"))
    yield OddImage("gray-alpha", encode(gray_alpha, "PNG"), "image/png")


def _containers() -> Iterator[OddImage]:
    jpeg, png = encode(drawing(), "JPEG", quality=95), encode(drawing(), "PNG")
    yield OddImage("motion-photo", jpeg + b"\0\0\0\x18ftypmp42" + b"\xff\xda" * 500, "image/jpeg")
    yield OddImage("jpeg-marker-in-comment", with_jpeg_segments(jpeg, (0xFE, b"\xff\xda" * 400)), "image/jpeg")
    yield OddImage("jpeg-fill", jpeg[:2] + b"\xff" * 5000 + jpeg[2:], "image/jpeg")
    yield OddImage(
        "png-comment", with_png_chunks(png, png_chunk(b"tEXt", b"Comment\0" + b"a" * 2_000_000)), "image/png"
    )
    yield OddImage("png-wrong-checksum", with_png_chunks(png, png_chunk(b"tIME", b"1234567", checksum=7)), "image/png")
    yield OddImage("png-short-chunk", with_png_chunks(png, png_chunk(b"pHYs", b"1")), "image/png")


def _heif() -> Iterator[OddImage]:
    image, p3 = drawing(), profiles()["p3"]
    heic = encode(image, "HEIF", quality=95, chroma=444)
    yield OddImage("heic", heic, "image/heic", encode(image, "PNG"))
    yield OddImage(
        "heic-p3", encode(image, "HEIF", quality=95, chroma=444, icc_profile=p3), "image/heic",
        encode(image, "PNG", icc_profile=p3),
    )  # fmt: skip
    yield OddImage(
        "heic-turned", encode(image, "HEIF", quality=95, chroma=444, exif=b"Exif\0\0" + exif(6)), "image/heic",
        encode(image.transpose(Image.Transpose.ROTATE_270), "PNG"),
    )  # fmt: skip
    yield OddImage("avif-p3", encode(image, "AVIF", quality=90, icc_profile=p3), "image/avif")
    yield OddImage("avif-turned", encode(image, "AVIF", quality=90, exif=exif(6)), "image/avif")
