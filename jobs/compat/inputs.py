"""Translation of the inputs of image-to-video models on other platforms to the names of our fields."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from rest_framework.exceptions import ValidationError

from common.errors import MutoscopeError, invalid_field
from inference.models.sizes import AUTO_ASPECT_RATIO
from jobs.api.errors import as_mutoscope_error
from jobs.compat.uploads import UploadStore

IMAGE_INPUT_NAMES = ("image", "image_url", "input_image", "start_image", "start_image_url", "first_frame_image")
LAST_IMAGE_INPUT_NAMES = (
    *("last_image", "last_image_url", "last_frame", "last_frame_image", "last_frame_url", "end_image", "end_image_url"),
    *("tail_image", "tail_image_url"),
)
_INPUT_ALIASES = {
    "frames_per_second": "fps",
    "max_frames": "num_frames",
    "video_length": "num_frames",
    "duration": "seconds",
    "generate_audio": "audio",
}
_INPUT_ALIASES |= dict.fromkeys(IMAGE_INPUT_NAMES, "image") | dict.fromkeys(LAST_IMAGE_INPUT_NAMES, "last_image")
# Our fields that are not inputs: refused as unknown inputs.
_NOT_INPUTS = {"model", "webhook_url", "input_reference"}
_SECONDS_WITH_UNIT = re.compile(r"[0-9.]{1,7}s", re.ASCII)


@dataclass
class Translation:
    """A body for VideoRequestSerializer, and the name under which the client sent each of its fields."""

    body: dict[str, Any] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def rename_error_fields(self) -> Iterator[None]:
        """Rename our fields in errors to the fields that the client sent."""
        try:
            yield
        except (ValidationError, MutoscopeError) as error:
            known = as_mutoscope_error(error)
            if known is None or not known.details:
                raise
            details = tuple(replace(detail, loc=self._renamed(detail.loc)) for detail in known.details)
            raise type(known)(
                "; ".join(f"{'.'.join(detail.loc)}: {detail.message}" for detail in details),
                code=known.code,
                param=details[0].loc[0],
                details=details,
                extra=known.extra,
                retry_after_seconds=known.retry_after_seconds,
            ) from error

    def _renamed(self, loc: tuple[str, ...]) -> tuple[str, ...]:
        return (self.names.get(loc[0], loc[0]), *loc[1:])


def translate_inputs(inputs: Any, *, uploads: UploadStore) -> Translation:
    """Return the inputs in our names.

    Raise InvalidField if they are not an object, name a field twice, and NotFound or Gone for an
    upload that does not exist. Null inputs count as absent. Unknown inputs pass: validation refuses them by name.
    """
    if not isinstance(inputs, Mapping):
        raise invalid_field("input", "Send an object with the image and the prompt.", code="wrong_type")
    translation = Translation()
    for name, value in inputs.items():
        if value is None:
            continue
        if name in _NOT_INPUTS:
            raise invalid_field(_field_name(name), "There is no such input. Remove it.", code="unknown_field")
        field_name: str = _INPUT_ALIASES.get(name) or name
        if field_name in translation.names:
            raise _conflict(name, translation.names[field_name])
        translation.body[field_name], translation.names[field_name] = value, name
    for image in ("image", "last_image"):
        _translate_image(translation, image, uploads)
    _translate_length_and_size(translation.body)
    return translation


def _translate_length_and_size(body: dict[str, Any]) -> None:
    seconds = body.get("seconds")
    if isinstance(seconds, str) and _SECONDS_WITH_UNIT.fullmatch(seconds):
        body["seconds"] = seconds.removesuffix("s")
    if "size" in body:
        # Clients for several services send the shape twice, in the words of each service.
        body.pop("aspect_ratio", None)
        body.pop("resolution", None)
    elif body.get("aspect_ratio") == "adaptive":
        body["aspect_ratio"] = AUTO_ASPECT_RATIO


def _translate_image(translation: Translation, image: str, uploads: UploadStore) -> None:
    body, names = translation.body, translation.names
    if image not in body:
        # Whether the model needs an image is checked later, under the name that most clients know.
        names.setdefault(f"{image}_base64", image)
        return
    value, name = body.pop(image), names.pop(image)
    field_name, content = _image_field(image, value, name, uploads)
    if field_name in names:
        raise _conflict(name, names[field_name])
    body[field_name], names[field_name] = content, name


def _image_field(image: str, value: Any, name: str, uploads: UploadStore) -> tuple[str, Any]:
    """Return our field for an image that was sent as text, and its value."""
    if not isinstance(value, str):
        raise invalid_field(
            _field_name(name), "Send the image as a data URI, or upload it as a file.", code="wrong_type"
        )
    if not value[:8].lower().startswith(("http://", "https://")):
        return f"{image}_base64", value
    if (upload := uploads.resolve_url(value)) is not None:
        return image, upload
    return f"{image}_url", value


def _field_name(name: str) -> str:
    return name[:60].encode("utf-8", "replace").decode()


def _conflict(name: str, other: str) -> MutoscopeError:
    params = {"one": other, "other": _field_name(name)}
    return invalid_field(_field_name(name), "Send %(one)s or %(other)s, not both.", params, code="conflict")
