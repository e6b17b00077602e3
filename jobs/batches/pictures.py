"""The pictures that requests of a batch share: each is read once and serves many."""

from functools import lru_cache
from io import SEEK_END
from tempfile import TemporaryFile
from typing import Any

from django.conf import settings
from django.core.files.storage import default_storage

from accounts.models import Team
from common.errors import Gone, InvalidField
from jobs.batches.uploads import Upload
from jobs.requests import SourcePicture, read_picture
from jobs.services.lookups import find_video
from jobs.sources import fetched, from_base64

# Decoded pictures that are kept at a time: some megabytes each.
_KEPT = 6


class Pictures:
    """Gives the picture of each request that names one."""

    def __init__(self, upload: Upload, team: Team) -> None:
        self._sent, self._team = upload.pictures, team
        self._of_name = lru_cache(_KEPT)(self._read_sent)
        self._of_video = lru_cache(_KEPT)(self._read_source)
        self._on_disk = TemporaryFile()  # noqa: SIM115 (see close)
        # Where on disk the picture of an address begins and ends, and its size.
        self._of_address: dict[str, tuple[int, int, tuple[int, int]]] = {}

    def close(self) -> None:
        """Gives back what lies on disk."""
        self._on_disk.close()

    def of(self, values: dict[str, Any]) -> SourcePicture | None:
        """None where the request brings its own. Raises what reading a picture does, NotFound and Gone."""
        if "image_url" in values:
            return self._fetched_once(values["image_url"])
        if "image_name" in values:
            return self._of_name(values["image_name"])
        return self._of_video(values["source_video"]) if "source_video" in values else None

    def _fetched_once(self, url: str) -> SourcePicture:
        """However often it is named, and whether it was only checked before: a picture may change at its address.

        Kept on disk: as much as a batch may bring itself. What is more is fetched again.
        """
        if url in self._of_address:
            start, end, size = self._of_address[url]
            self._on_disk.seek(start)
            return SourcePicture(self._on_disk.read(end - start), size)
        picture = read_picture("image_url", fetched(url, team=self._team))
        start = self._on_disk.seek(0, SEEK_END)
        end = start + len(picture.png)
        if end <= settings.BATCH_BODY_BYTES:
            self._on_disk.write(picture.png)
            self._of_address[url] = start, end, picture.size
        return picture

    def _read_sent(self, name: str) -> SourcePicture:
        sent = self._sent.get(name)
        if sent is None:
            known = ", ".join(sorted(self._sent))[:200] or "none"
            message = f"image_name: No picture {name!r} came with this batch. Pictures that came: {known}."
            raise InvalidField(message, code="unknown_picture", param="image_name")
        if isinstance(sent, str):
            return read_picture("image_name", from_base64("image_name", sent))
        sent.seek(0)
        return read_picture("image_name", sent.read())

    def _read_source(self, video_id: str) -> SourcePicture:
        video = find_video(self._team, video_id)
        gone = Gone("The picture of this video was deleted. Send it again.", param="source_video")
        if video.is_gone:
            raise gone
        try:
            with default_storage.open(video.source_key) as file:
                return read_picture("source_video", file.read())
        except FileNotFoundError:
            raise gone from None
