"""The parameter sets of an H.264 stream in an MP4, with which its decoder is set up: the box `avcC` of ISO 14496-15."""

from collections.abc import Iterator
from dataclasses import dataclass

from inference.errors import EncodingError

_HIGH_PROFILES = 100
"""From this profile on, the box ends with the chroma format and the bit depths."""


@dataclass(frozen=True)
class ParameterSets:
    """Sequence and picture parameter sets, one of each for every encoder that wrote a part of the stream.

    header: version, profile, compatibility, level and the length of lengths. extension: what follows the sets.
    """

    header: bytes
    sequence_sets: tuple[bytes, ...]
    picture_sets: tuple[bytes, ...]
    extension: bytes

    @classmethod
    def parse(cls, box: bytes | None) -> "ParameterSets":
        """Read the content of the box. Raises EncodingError."""
        if not box or box[0] != 1:
            raise EncodingError("The video has no H.264 parameter sets.")
        sequence_sets, position = _read_sets(box, 5, box[5] & 0x1F)
        picture_sets, position = _read_sets(box, position, box[position])
        return cls(box[:5], sequence_sets, picture_sets, box[position:])

    @property
    def count(self) -> int:
        """Return the number of encoders. Their ids are counted from 0."""
        return len(self.sequence_sets)

    def __le__(self, other: "ParameterSets") -> bool:
        """Return whether a decoder that has the other sets can decode this stream."""
        return {*self.sequence_sets} <= {*other.sequence_sets} and {*self.picture_sets} <= {*other.picture_sets}

    def __or__(self, other: "ParameterSets") -> "ParameterSets":
        """Return the sets of both streams, for a decoder that can decode both."""
        version, profile, compatibility, level, lengths = self.header
        _, other_profile, other_compatibility, other_level, _ = other.header
        profile = max(profile, other_profile)
        header = bytes([version, profile, compatibility & other_compatibility, max(level, other_level), lengths])
        return ParameterSets(
            header,
            tuple(dict.fromkeys(self.sequence_sets + other.sequence_sets)),
            tuple(dict.fromkeys(self.picture_sets + other.picture_sets)),
            max(self.extension, other.extension, key=len) if profile >= _HIGH_PROFILES else b"",
        )

    def serialize(self) -> bytes:
        """Return the content of the box."""
        parts = [self.header, bytes([0xE0 | len(self.sequence_sets)]), *_with_lengths(self.sequence_sets)]
        parts += [bytes([len(self.picture_sets)]), *_with_lengths(self.picture_sets), self.extension]
        return b"".join(parts)


def _read_sets(box: bytes, position: int, count: int) -> tuple[tuple[bytes, ...], int]:
    """Return the sets after the byte with their number, and the position after them."""
    sets, position = [], position + 1
    for _ in range(count):
        start = position + 2
        position = start + int.from_bytes(box[position:start], "big")
        sets.append(box[start:position])
    return tuple(sets), position


def _with_lengths(sets: tuple[bytes, ...]) -> Iterator[bytes]:
    for each in sets:
        yield len(each).to_bytes(2, "big") + each
