"""Videos that continue another one: they begin with its last frame, in a file of their own or joined with it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from accounts.models import Team
from common.errors import Detail, invalid_field, invalid_fields
from common.messages import Message
from inference import limits
from inference.errors import Param
from inference.image_decoding.pool import DecodedImage
from jobs.models import Job
from jobs.videos.frames import decode_frame
from jobs.videos.inherited_values import inherited_values, target_model
from jobs.videos.submission import RequestImage, VideoRequest, build_request, offered_models
from jobs.videos.video_file import require_file

# A request that needs a frame waits for a slot for this long.
_SLOT_WAIT_SECONDS = 5


def build_extension(
    source: Job, changes: dict[str, Any], *, team: Team, join: bool, cancel_after_seconds: int | None = None
) -> VideoRequest:
    """Build the request for a video that continues `source`, with its fields and these changes.

    join: the file begins with the frames of `source`. The first new frame is left out, since it shows the same as the
    last of them.
    Raise Conflict if `source` is not completed, Gone after its retention period, and what `build_request` raises.
    """
    require_file(source)
    _check_model(source, changes)
    request = build_request(
        {**inherited_values(source, changes), **changes},
        team=team,
        cancel_after_seconds=cancel_after_seconds,
        image=RequestImage("model", lambda: _last_frame(source)),
    )
    request = replace(request, extends=source.id)
    if not join:
        return request
    if details := tuple(_differences(source, request)):
        raise invalid_fields(*details, code="not_joinable")
    _check_length(source, request)
    return replace(request, leading_frames=source.total_frames)


def _last_frame(source: Job) -> DecodedImage:
    return decode_frame(source, source.total_frames - 1, wait_seconds=_SLOT_WAIT_SECONDS)


def _check_model(source: Job, changes: dict[str, Any]) -> None:
    target = target_model(source, changes)
    if target is not None and target.inputs.image == "none":
        names = [model.name for model in offered_models() if model.inputs.image != "none"]
        raise invalid_field(
            "model",
            "%(model)s takes no image, so it cannot continue a video. Choose a model that does: %(models)s.",
            {"model": target.name, "models": ", ".join(names)},
            code="not_supported",
        )


def _differences(source: Job, request: VideoRequest) -> Iterator[Detail]:
    """Yield an error for each field in which the continuation differs, so that one file cannot contain both."""
    needed: dict[str, tuple[Param, Param]] = {
        "size": (f"{request.width}x{request.height}", f"{source.width}x{source.height}"),
        "fps": (request.fps, source.fps),
        "output_format": (request.output_format, source.output_format),
        "audio": (_as_json(request.audio), _as_json(source.has_audio)),
    }
    for name, (chosen, value) in needed.items():
        if chosen != value:
            message = Message(
                "To join the videos, %(field)s must be %(value)s, as in the video that is continued, not %(chosen)s. "
                "Change it, or leave join out.",
                {"field": name, "value": value, "chosen": chosen},
            )
            yield Detail((name,), message, "not_joinable", (value,))


def _as_json(flag: bool) -> str:
    return "true" if flag else "false"


def _check_length(source: Job, request: VideoRequest) -> None:
    total = source.total_frames + request.num_frames - 1
    if total > limits.MAX_FRAMES:
        raise invalid_field(
            "seconds" if "seconds" in request.sent_fields else "num_frames",
            "The joined video would have %(total)s frames, and the maximum is %(limit)s. "
            "Make a shorter continuation, or leave join out.",
            {"total": total, "limit": limits.MAX_FRAMES},
            code="max_value",
        )
