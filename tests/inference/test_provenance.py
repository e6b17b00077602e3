"""Every file says that a model made it, in metadata that others find by the specifications, and still plays."""

import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import av
import numpy as np
import pytest
from PIL import GifImagePlugin, Image

from inference.encoding import probe, write_gif, write_mp4, write_poster
from inference.images import encode_png
from inference.provenance import XMP_PACKET
from inference.video_files import SpriteSheet, video_to_gif, video_to_sprite_sheet

FRAMES = np.random.default_rng(1).integers(0, 256, (7, 48, 64, 3), np.uint8)
SHEET = SpriteSheet.of(width=64, height=48, num_frames=7)
TRAINED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
IPTC_PROPERTY = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"
XMP_UUID = bytes.fromhex("BE7ACFCB97A942E89C71999491E3AFAC")


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield type and content of the top-level boxes of an MP4 file."""
    position = 0
    while position < len(data):
        size, kind = struct.unpack_from(">I4s", data, position)
        assert size >= 8
        yield kind, data[position + 8 : position + size]
        position += size
    assert position == len(data)


def xmp_of_mp4(data: bytes) -> bytes:
    found = list(boxes(data))
    assert [kind for kind, _ in found if kind in {b"ftyp", b"moov", b"mdat"}] == [b"ftyp", b"moov", b"mdat"]
    (packet,) = [content[16:] for kind, content in found if kind == b"uuid" and content[:16] == XMP_UUID]
    return packet


def xmp_of_gif(data: bytes) -> bytes:
    """Return the packet that precedes the 258 bytes which end an extension of this kind, before the trailer."""
    start = data.index(b"\x21\xff\x0bXMP DataXMP") + 14
    end = data.index(b"\x01\xff\xfe\xfd", start)
    assert data[end:] == bytes([1, *range(255, -1, -1), 0]) + b";"
    # What a reader does that does not know this extension: it skips blocks, and has to arrive at the trailer.
    position = start
    while data[position]:
        position += 1 + data[position]
    assert data[position + 1 :] == b";"
    return data[start:end]


def xmp_of_jpeg(data: bytes) -> bytes:
    prefix = b"http://ns.adobe.com/xap/1.0/\0"
    position, packets = 2, []
    while data[position : position + 2] != b"\xff\xda":
        marker, size = struct.unpack_from(">2sH", data, position)
        segment = data[position + 4 : position + 2 + size]
        if marker == b"\xff\xe1" and segment.startswith(prefix):
            packets.append(segment.removeprefix(prefix))
        position += 2 + size
    (packet,) = packets
    return packet


def xmp_of_png(data: bytes) -> bytes:
    position, packets = 8, []
    while position < len(data):
        size, kind = struct.unpack_from(">I4s", data, position)
        content = data[position + 8 : position + 8 + size]
        if kind == b"iTXt" and content.startswith(b"XML:com.adobe.xmp\0\0\0\0\0"):
            packets.append(content.removeprefix(b"XML:com.adobe.xmp\0\0\0\0\0"))
        position += 12 + size
    (packet,) = packets
    return packet


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "source.mp4"
    write_mp4(FRAMES, 8, path)
    return path


@pytest.mark.parametrize(
    ("write", "read"),
    [
        (lambda path, _: write_mp4(FRAMES, 8, path), xmp_of_mp4),
        (lambda path, _: write_gif(FRAMES, 8, path), xmp_of_gif),
        (lambda path, _: write_poster(FRAMES[0], path), xmp_of_jpeg),
        (lambda path, _: path.write_bytes(encode_png(Image.fromarray(FRAMES[0]), xmp=XMP_PACKET)), xmp_of_png),
        (lambda path, video: video_to_gif(video, 8, path), xmp_of_gif),
        (lambda path, video: video_to_sprite_sheet(video, SHEET, path), xmp_of_jpeg),
    ],
    ids=["video", "gif", "poster", "frame", "gif_of_video", "sprite_sheet"],
)
def test_every_file_is_marked_as_generated(
    write: Callable[[Path, Path], None], read: Callable[[bytes], bytes], video: Path, tmp_path: Path
) -> None:
    path = tmp_path / "output"
    write(path, video)
    packet = read(path.read_bytes())
    assert packet.startswith(b"<?xpacket begin=")
    (source_type,) = ElementTree.fromstring(packet).iter(IPTC_PROPERTY)  # noqa: S314 (our own)
    assert source_type.text == TRAINED


def test_marked_files_have_all_their_frames(video: Path, tmp_path: Path) -> None:
    gif = tmp_path / "video.gif"
    write_gif(FRAMES, 8, gif)
    assert probe(video).num_frames == probe(gif).num_frames == 7
    with Image.open(gif) as image:
        assert isinstance(image, GifImagePlugin.GifImageFile)
        assert image.n_frames == 7
    with av.open(str(video), options={"export_xmp": "1"}) as container:
        assert TRAINED in container.metadata["xmp"]
