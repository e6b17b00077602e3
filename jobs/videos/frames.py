"""Single frames of a completed video, decoded for each request and not stored."""

from decimal import Decimal

import structlog
from PIL import Image

from common.errors import Conflict, invalid_field
from inference.errors import EncodingError
from inference.image_decoding.pool import DecodedImage
from inference.images import encode_png
from inference.provenance import XMP_PACKET
from inference.video_files import read_frame
from jobs.models import Job
from jobs.videos.video_file import local_file, render_slot, require_file

log = structlog.get_logger(__name__)

FIRST_FRAME, LAST_FRAME = "first", "last"
# A request that needs a frame for a new video waits for a slot for this long.
_SLOT_WAIT_SECONDS = 5


def frame_number(job: Job, at: str, *, param: str = "at") -> int:
    """Return the number of the frame that is shown at this time, counted from 0: at * fps, rounded down.

    at: `first`, `last` or seconds, as `FramePositionField` returns it. Raise InvalidField beyond the end.
    """
    if at == FIRST_FRAME:
        return 0
    if at == LAST_FRAME:
        return job.total_frames - 1
    seconds = Decimal(at)
    # Compared first: the product may be too large for a number.
    if seconds >= job.total_frames or (number := int(seconds * job.fps)) >= job.total_frames:
        raise invalid_field(
            param,
            "The video ends after %(seconds)s seconds. Choose an earlier time, or last.",
            {"seconds": f"{job.seconds:g}"},
            code="beyond_end",
        )
    return number


def decode_frame(job: Job, number: int, *, wait_seconds: float = 0) -> DecodedImage:
    """Return a frame exactly as it is decoded.

    Raise Conflict if the video is not completed or its file is damaged, Gone after its retention period, and Overloaded
    or ConcurrencyLimitExceeded while too many files are being decoded.
    """
    require_file(job)
    try:
        with render_slot(job.team_id, wait_seconds=wait_seconds), local_file(job) as video:
            image = Image.fromarray(read_frame(video, number))
    except EncodingError as error:
        log.error("frame_failed", task_id=job.public_id, frame=number, reason=error.message)
        raise Conflict(
            "The frame cannot be read because the file of this video is damaged. Create the video again.",
            code="file_damaged",
        ) from error
    return DecodedImage(encode_png(image, xmp=XMP_PACKET), image.size)
