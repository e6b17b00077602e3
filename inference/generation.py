"""What an engine runs: a request, the images that the video is made from, and the job of a server that makes it."""

from dataclasses import dataclass
from math import isfinite

from PIL.Image import Image

from inference import limits
from inference.errors import RequestError

SIDE_MULTIPLE = 8
"""What every engine needs: the factor by which an autoencoder shrinks a side."""

_TEXT_FIELDS = ("prompt", "negative_prompt")
_COUNT_FIELDS = ("num_frames", "fps", "steps")


@dataclass(frozen=True, slots=True)
class LoraWeight:
    """A LoRA of the model, by the name that its options give it, and how strongly it acts."""

    name: str
    scale: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequest:
    """One video: `num_frames` frames of width x height pixels, played at `fps` frames per second.

    guidance_scale_2: the guidance of a second expert, where the model has one; by default as that of the first.
    audio: whether the video gets sound, where the model makes it.

    Rejects only values that no engine supports; the narrower ranges of the site are in `inference.limits`.
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
    guidance_scale_2: float | None = None
    loras: tuple[LoraWeight, ...] = ()
    audio: bool = False

    def __post_init__(self) -> None:
        for field in _TEXT_FIELDS:
            _check_text(field, getattr(self, field))
        if not self.prompt.strip():
            raise RequestError("prompt", "The prompt is empty. Describe what should move in the image.")
        for field in _COUNT_FIELDS:
            if getattr(self, field) < 1:
                raise RequestError(field, "%(field)s must be at least 1.", {"field": field})
        for field in ("width", "height"):
            side = getattr(self, field)
            if side < SIDE_MULTIPLE or side % SIDE_MULTIPLE:
                raise RequestError(
                    field,
                    "%(field)s must be a positive multiple of %(multiple)s, not %(side)s.",
                    {"field": field, "multiple": SIDE_MULTIPLE, "side": side},
                )
            if side > limits.FRAME_SIDE.maximum:
                raise RequestError(
                    field,
                    "%(field)s must be at most %(maximum)s pixels, not %(side)s.",
                    {"field": field, "maximum": limits.FRAME_SIDE.maximum, "side": side},
                )
        self._check_guidance()
        self._check_loras()
        if self.seed not in limits.SEED:
            raise RequestError("seed", "seed must be an integer in the range %(range)s.", {"range": str(limits.SEED)})

    def _check_guidance(self) -> None:
        for field in ("guidance_scale", "guidance_scale_2"):
            scale = getattr(self, field)
            if scale is not None and (not isfinite(scale) or scale < 0):
                raise RequestError(field, "%(field)s must be a finite number of at least 0.", {"field": field})

    def _check_loras(self) -> None:
        if len({lora.name for lora in self.loras}) < len(self.loras):
            raise RequestError("loras", "A LoRA is named twice. Name each LoRA once.")
        if not all(isfinite(lora.scale) for lora in self.loras):
            raise RequestError("loras", "The scale of a LoRA must be a finite number.")

    @property
    def duration_seconds(self) -> float:
        """Playing time of the video in seconds."""
        return self.num_frames / self.fps


@dataclass(frozen=True, slots=True)
class GenerationInputs:
    """The images of one video, RGB and of any size.

    `image` becomes the first frame, or is None for a video from text alone; `last_image` becomes the last frame. Which
    of them a model takes is checked before its engine runs.
    """

    image: Image | None
    last_image: Image | None = None

    @property
    def required_image(self) -> Image:
        """The image, for an engine that cannot run without one. Raises RequestError."""
        if self.image is None:
            raise RequestError("image", "This model needs an image. Add one, or choose a model that needs only text.")
        return self.image


@dataclass(frozen=True, slots=True)
class ExternalJob:
    """A video as the server knows it that makes it. resends: how often the video was sent again before this job.

    is_open: whether the server may still work on it, as far as we know.
    """

    id: str
    resends: int = 0
    is_open: bool = True


def _check_text(field: str, text: str) -> None:
    """Reject long texts, NUL and lone surrogates; the last two pass through JSON but fail in the database and UTF-8."""
    if len(text) > limits.MAX_PROMPT_LENGTH:
        raise RequestError(
            field,
            "%(field)s has %(length)s characters. At most %(maximum)s are allowed.",
            {"field": field, "length": len(text), "maximum": limits.MAX_PROMPT_LENGTH},
        )
    if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in text):
        raise RequestError(
            field, "%(field)s contains a NUL character or half of a surrogate pair. Remove it.", {"field": field}
        )
