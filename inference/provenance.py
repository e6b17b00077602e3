"""Mark files as made by a model, as IPTC's "Guidance for generative AI" describes: XMP with a digital source type.

The packet is stored where Adobe's XMP Specification, Part 3, says: in a top-level `uuid` box of an MP4 file and in an
application extension of a GIF file. Both may be at the end, so nothing has to be copied or moved. Pillow writes the
packet of JPEG and PNG files.
"""

import struct
from pathlib import Path
from uuid import UUID

DIGITAL_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
"""Made by a generative model."""

XMP_PACKET = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">
   <Iptc4xmpExt:DigitalSourceType>{DIGITAL_SOURCE_TYPE}</Iptc4xmpExt:DigitalSourceType>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>""".encode()

_XMP_BOX = UUID("be7acfcb-97a9-42e8-9c71-999491e3afac")
_GIF_TRAILER = b";"
# Readers of a GIF skip an extension block by block, each of which begins with its length. They take the characters of
# the packet for lengths, and wherever they land among these bytes, they are led to the end of the extension.
_GIF_LANDING = bytes([1, *range(255, -1, -1), 0])


def mark_mp4(path: Path) -> None:
    """Append the packet to a complete MP4 file. Raises OSError."""
    with path.open("ab") as file:
        file.write(struct.pack(">I4s16s", 24 + len(XMP_PACKET), b"uuid", _XMP_BOX.bytes) + XMP_PACKET)


def mark_gif(path: Path) -> None:
    """Append the packet to a complete GIF file. Raises OSError."""
    with path.open("r+b") as file:
        file.seek(-len(_GIF_TRAILER), 2)
        file.write(b"\x21\xff\x0bXMP DataXMP" + XMP_PACKET + _GIF_LANDING + _GIF_TRAILER)
