"""JSON shapes of the data of events; see `jobs.api.shapes`. The OpenAPI description is generated from them."""

from typing import Annotated, TypedDict

from jobs.states import State

Status = Annotated[str, {"choices": State.values}]
_VideoId = Annotated[str, {"help_text": "the id of the video"}]


class JobErrorShape(TypedDict):
    code: str
    message: str


class VideoStatusEventShape(TypedDict):
    id: _VideoId
    status: Status
    error: JobErrorShape | None
    attempt: int


class VideoProgressEventShape(TypedDict):
    id: _VideoId
    progress: Annotated[int, {"min_value": 0, "max_value": 99, "help_text": "percent"}]
    step: int
    steps: int
    eta_seconds: float | None
    attempt: int


class VideoPreviewEventShape(TypedDict):
    id: _VideoId
    step: int
    content_type: str
    image_base64: Annotated[str, {"contentEncoding": "base64"}]
    attempt: int
