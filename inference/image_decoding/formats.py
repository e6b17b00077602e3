"""Detect the format of a file from its bytes. Names and media types are not trusted."""

import re

from inference.errors import ImageError, ImageErrorCode

_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"}
_AVIF_BRANDS = {b"avif", b"avis"}

# Names that are the same in all languages.
_OTHERS = (
    (rb"GIF8", "GIF"),
    (rb"BM.{4}\0\0\0\0", "BMP"),
    (rb"II\*\0.{4}CR", "CR2"),
    (rb"II\*\0|MM\0\*|II\+\0|MM\0\+", "TIFF"),
    (rb"FUJIFILMCCD-RAW", "RAF"),
    (rb"\x00\x00[\x01\x02]\x00", "ICO"),
    (rb"icns", "ICNS"),
    (rb"\xff\x0a|\0\0\0\x0cJXL ", "JPEG XL"),
    (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", "JPEG 2000"),
    (rb"8BPS", "PSD"),
    (rb"%PDF", "PDF"),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "PostScript"),
    (rb"DDS ", "DDS"),
    (rb"qoif", "QOI"),
    (rb"\x76\x2f\x31\x01", "OpenEXR"),
    (rb"#\?RADIANCE|#\?RGBE", "Radiance HDR"),
    (rb"P[1-7]\s", "PNM"),
    (rb"....ftyp|....moov|....mdat", "MP4 / QuickTime"),
    (rb"\x1a\x45\xdf\xa3", "WebM / Matroska"),
    (rb"RIFF....AVI ", "AVI"),
    (rb"RIFF....WAVE", "WAV"),
    (rb"ID3", "MP3"),
    (rb"OggS", "Ogg"),
    (rb"fLaC", "FLAC"),
    (rb"PK\x03\x04|PK\x05\x06", "ZIP"),
    (rb"\x1f\x8b", "gzip"),
    (rb"Rar!\x1a", "RAR"),
    (rb"7z\xbc\xaf\x27\x1c", "7-Zip"),
    (rb"(?:\xef\xbb\xbf)?\s{0,100}<(?:svg\b|!doctype svg\b|(?:\?xml|!--).{0,1000}?<svg\b)", "SVG"),
    (rb"(?:\xef\xbb\xbf)?\s{0,100}<(?:!doctype html|html|head|body)\b", "HTML"),
)
_OTHERS_COMPILED = tuple((re.compile(pattern, re.DOTALL | re.IGNORECASE), name) for pattern, name in _OTHERS)


def detect_format(data: bytes) -> str:
    """Return PNG, JPEG, WEBP, HEIC or AVIF. Raise ImageError for everything else, with its name if it is known."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp":
        brands = _brands(data)
        if brands & _AVIF_BRANDS:
            return "AVIF"
        if brands & _HEIC_BRANDS:
            return "HEIC"
    raise _unsupported(data)


def _brands(data: bytes) -> set[bytes]:
    """Return the brands of an ISO media file: the main one and the compatible ones."""
    box = data[8 : min(int.from_bytes(data[:4], "big"), 1024)]
    return {box[:4]} | {box[start : start + 4] for start in range(8, len(box), 4)}


def _unsupported(data: bytes) -> ImageError:
    if not data:
        return ImageError(ImageErrorCode.UNREADABLE, "The file is empty. Send a PNG, JPEG, WebP, HEIC or AVIF image.")
    start = data[:2048]
    for pattern, name in _OTHERS_COMPILED:
        if pattern.match(start):
            return ImageError(
                ImageErrorCode.UNSUPPORTED,
                "This is a file in %(format)s format. Send a PNG, JPEG, WebP, HEIC or AVIF image.",
                {"format": name},
            )
    return ImageError(
        ImageErrorCode.UNSUPPORTED,
        "The content of the file is not a PNG, JPEG, WebP, HEIC or AVIF image. Convert it to one of these formats.",
    )
