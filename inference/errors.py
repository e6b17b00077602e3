"""The errors of this package, as one tree.

    InferenceError(code, template, params, permanent)
    ├── RequestError            request_invalid      a parameter breaks its rule; names the field
    ├── ImageError              picture_*            not an image that can be read
    ├── ModelError
    │   ├── ModelNotFound       model_not_found      no such name, folder or hub repository
    │   ├── EngineMissing       engine_missing       packages that the model needs are not installed
    │   ├── OptionInvalid       option_invalid       an option of the model is unknown or has a bad value
    │   ├── ModelIncomplete     model_incomplete     a file of the checkpoint is missing or broken
    │   └── FetchFailed         fetch_failed         weights could not be written to this machine's disk as they are
    ├── DeviceError
    │   ├── DeviceNotFound      device_not_found     the requested device does not exist
    │   ├── DeviceBroken        device_broken        the CUDA context is lost: replace the process
    │   └── OutOfMemory         out_of_memory        this video does not fit now; the process stays usable
    ├── OutputInvalid           output_invalid       the model computed NaN or infinity, in every precision that it has
    ├── UpstreamError
    │   ├── UpstreamFailed      upstream_failed      the upstream server refused the video or could not make it
    │   ├── UpstreamUnreachable upstream_unreachable it gave no useful answer in time; the video may still be made there
    │   └── UpstreamDenied      upstream_denied      it rejects the key or the account: an operator has to act
    ├── Canceled                canceled             the run was stopped by a callback
    └── EncodingError           encoding_failed      a video file could not be written or read

`code` is stable and lower_snake: clients may match on it. `template` is English text with `%(name)s` placeholders and
the key of its translations; `params` are the values. Each template is written as a literal where its error is raised,
so that tests can collect the templates. `permanent` means that the same request fails in the same way wherever and
whenever it is retried.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

Param = str | int | float


class InferenceError(Exception):
    """Base of every error that this package raises on purpose.

    `message` and `str(error)` are the English text. `gettext(error.template) % error.params` is the translated text;
    without params, the template is not formatted, so that it may contain a percent sign.
    """

    def __init__(self, code: str, template: str, params: Mapping[str, Param] | None = None, *, permanent: bool) -> None:
        self.code = code
        self.template = template
        self.params = dict(params or {})
        self.permanent = permanent
        self.message = template % self.params if self.params else template
        super().__init__(self.message)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by attributes: the signatures of subclasses differ from `args`, with which pickle calls them."""
        return _restore, (type(self), self.message), self.__dict__


def _restore(error_class: type[InferenceError], message: str) -> InferenceError:
    return error_class.__new__(error_class, message)


class RequestError(InferenceError):
    """A parameter breaks its rule.

    field: its name in the request. kind: what is wrong, for programs. nearest: the nearest values that are allowed.
    """

    def __init__(
        self,
        field: str,
        template: str,
        params: Mapping[str, Param] | None = None,
        *,
        kind: str = "invalid",
        nearest: tuple[Param, ...] = (),
    ) -> None:
        super().__init__("request_invalid", template, params, permanent=True)
        self.field, self.kind, self.nearest = field, kind, nearest


class ImageErrorCode(StrEnum):
    """The codes of ImageError."""

    UNREADABLE = "picture_unreadable"
    UNSUPPORTED = "picture_unsupported"
    ANIMATED = "picture_animated"
    TRUNCATED = "picture_truncated"
    TOO_LARGE = "picture_too_large"


class ImageError(InferenceError):
    """The bytes are not an image that can be read; `code` is one of ImageErrorCode."""

    def __init__(self, code: ImageErrorCode, template: str, params: Mapping[str, Param] | None = None) -> None:
        super().__init__(code.value, template, params, permanent=True)

    @classmethod
    def restore(cls, code: str, template: str, params: Mapping[str, Param]) -> "ImageError":
        """Return the error that another process raised with these attributes."""
        return cls(ImageErrorCode(code), template, params)


class ModelError(InferenceError):
    """The model cannot be loaded until an operator acts."""


class ModelNotFound(ModelError):
    """There is no model, folder or hub repository of this name."""

    def __init__(self, template: str, params: Mapping[str, Param] | None = None) -> None:
        super().__init__("model_not_found", template, params, permanent=True)


class EngineMissing(ModelError):
    """The packages that run the model are not installed."""

    def __init__(self, template: str, params: Mapping[str, Param] | None = None) -> None:
        super().__init__("engine_missing", template, params, permanent=True)


class OptionInvalid(ModelError):
    """An option of the model is unknown or has a bad value; `key` is its path in the options."""

    def __init__(self, key: str, template: str, params: Mapping[str, Param] | None = None) -> None:
        super().__init__("option_invalid", template, params, permanent=True)
        self.key = key


class ModelIncomplete(ModelError):
    """A file of the checkpoint is missing or cannot be used; `file` is its path inside the checkpoint."""

    def __init__(self, file: str, template: str, params: Mapping[str, Param] | None = None) -> None:
        super().__init__("model_incomplete", template, params, permanent=True)
        self.file = file


class FetchFailed(ModelError):
    """Weights could not be put on this machine: there is no space, or what arrived is not what was asked for."""

    def __init__(self, template: str, params: Mapping[str, Param] | None = None) -> None:
        super().__init__("fetch_failed", template, params, permanent=False)


class DeviceError(InferenceError):
    """The device, not the request, is the cause."""


class DeviceNotFound(DeviceError):
    """The requested device does not exist on this machine."""

    def __init__(self, template: str, params: Mapping[str, Param] | None = None) -> None:
        super().__init__("device_not_found", template, params, permanent=True)


class DeviceBroken(DeviceError):
    """The accelerator failed and its context cannot be trusted: the process must be replaced."""

    def __init__(self, template: str, params: Mapping[str, Param] | None = None) -> None:
        super().__init__("device_broken", template, params, permanent=False)


class OutOfMemory(DeviceError):
    """There is not enough memory for this video now; the engine stays usable."""

    def __init__(self, template: str, params: Mapping[str, Param] | None = None) -> None:
        super().__init__("out_of_memory", template, params, permanent=False)


class OutputInvalid(InferenceError):
    """The latents or pixels of a video are not finite: it would be black. The engine stays usable."""

    def __init__(self) -> None:
        super().__init__(
            "output_invalid",
            "The model computed values that are no numbers. Change the prompt, the seed or the size.",
            permanent=True,
        )


UPSTREAM_DENIED: Final = "upstream_denied"


class UpstreamError(InferenceError):
    """The server that makes the video in place of this machine is the cause."""


class UpstreamFailed(UpstreamError):
    """The upstream server refused the video, could not make it, or made another one than was asked for."""

    def __init__(self, template: str, params: Mapping[str, Param] | None = None) -> None:
        super().__init__("upstream_failed", template, params, permanent=True)


class UpstreamUnreachable(UpstreamError):
    """The upstream server gave no useful answer in time. A later attempt may find the video there."""

    def __init__(self, template: str, params: Mapping[str, Param] | None = None) -> None:
        super().__init__("upstream_unreachable", template, params, permanent=False)


class UpstreamDenied(UpstreamError):
    """The upstream server rejects our key or our account. No video is to blame, and an operator has to act."""

    def __init__(self, template: str, params: Mapping[str, Param] | None = None) -> None:
        super().__init__(UPSTREAM_DENIED, template, params, permanent=False)


class Canceled(InferenceError):
    """An `on_step` callback raised this to stop a run; the engine stays usable."""

    def __init__(self) -> None:
        super().__init__("canceled", "The run was canceled.", permanent=True)


class EncodingError(InferenceError):
    """A video file could not be written or read."""

    def __init__(self, template: str, params: Mapping[str, Param] | None = None) -> None:
        super().__init__("encoding_failed", template, params, permanent=False)
