"""Refuse sizes and lengths that a pipeline would round silently."""

from inference.errors import RequestError
from inference.generation import GenerationInputs, GenerationRequest


def check_shape(
    request: GenerationRequest, inputs: GenerationInputs, *, side_multiples: tuple[int, int], frame_multiple: int
) -> None:
    """Raise RequestError with the nearest values that the pipeline makes.

    side_multiples: of height and width. frame_multiple: the number of frames is 1 more than a multiple of it.
    """
    for field, multiple in zip(("height", "width"), side_multiples, strict=True):
        side = getattr(request, field)
        if side % multiple:
            below = side // multiple * multiple
            raise RequestError(
                field,
                "%(field)s must be a multiple of %(multiple)s, not %(side)s. The nearest are %(nearest)s.",
                {"field": field, "multiple": multiple, "side": side, "nearest": _either(below, multiple)},
            )
    frames = request.num_frames
    if (frames - 1) % frame_multiple:
        below = (frames - 1) // frame_multiple * frame_multiple + 1
        raise RequestError(
            "num_frames",
            "num_frames must be 1 more than a multiple of %(multiple)s, not %(frames)s. The nearest are %(nearest)s.",
            {"multiple": frame_multiple, "frames": frames, "nearest": _either(below, frame_multiple)},
        )
    if inputs.last_image is not None and frames == 1:
        raise RequestError("num_frames", "A video with a last image needs more than one frame.")


def _either(below: int, step: int) -> str:
    return f"{below}, {below + step}" if below > 0 else str(below + step)
