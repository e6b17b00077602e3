"""What an engine is asked to make."""

from dataclasses import dataclass
from math import isfinite

from inference import limits
from inference.errors import RequestError
from inference.sizes import SIDE_MULTIPLE

_TEXT_FIELDS = ("prompt", "negative_prompt")
_COUNT_FIELDS = ("num_frames", "fps", "steps")


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequest:
    """One clip: `num_frames` frames of width x height pixels, shown at `fps` frames a second.

    Checks only what no engine could work with; the site's narrower ranges are in `inference.limits`.
    Raises RequestError, which names the field.
    """

    prompt: str
    negative_prompt: str = ""
    width: int
    height: int
    num_frames: int
    fps: int
    steps: int
    guidance_scale: float
    seed: int

    def __post_init__(self) -> None:
        for field in _TEXT_FIELDS:
            _check_text(field, getattr(self, field))
        if not self.prompt.strip():
            raise RequestError("prompt", "Say in a sentence what should move.")
        for field in _COUNT_FIELDS:
            if getattr(self, field) < 1:
                raise RequestError(field, f"{field} must be at least 1.")
        for field in ("width", "height"):
            side = getattr(self, field)
            if side < SIDE_MULTIPLE or side % SIDE_MULTIPLE:
                raise RequestError(field, f"{field} must be a positive multiple of {SIDE_MULTIPLE}, not {side}.")
            if side > limits.FRAME_SIDE.maximum:
                raise RequestError(field, f"{field} must be at most {limits.FRAME_SIDE.maximum} pixels, not {side}.")
        if not isfinite(self.guidance_scale) or self.guidance_scale < 0:
            raise RequestError("guidance_scale", "guidance_scale must be a number from 0 up.")
        if self.seed not in limits.SEED:
            raise RequestError("seed", f"seed must be a whole number in {limits.SEED}.")

    @property
    def duration_seconds(self) -> float:
        """How long the clip plays."""
        return self.num_frames / self.fps


def _check_text(field: str, text: str) -> None:
    """NUL and lone surrogates come through JSON unharmed, and fail in the database and in UTF-8."""
    if len(text) > limits.PROMPT_LENGTH.maximum:
        raise RequestError(field, f"{field} has {len(text)} characters; {limits.PROMPT_LENGTH.maximum} are allowed.")
    if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in text):
        raise RequestError(field, f"{field} holds a character that is not text (NUL or half of a surrogate pair).")
