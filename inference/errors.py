"""What can go wrong while a clip is made.

    InferenceError(code, message, permanent)
    ├── RequestError            request_invalid      a parameter breaks its rule; names the field
    ├── PictureError            picture_*            not a picture that we read
    ├── ModelError
    │   ├── ModelNotFound       model_not_found      no such name, folder or hub repository
    │   ├── EngineMissing       engine_missing       packages that the model needs are not installed
    │   └── ModelIncomplete     model_incomplete     a file of the checkpoint is missing or broken
    ├── DeviceError
    │   ├── DeviceNotFound      device_not_found     the device that was asked for is not there
    │   ├── DeviceBroken        device_broken        the CUDA context is lost: recycle the process
    │   └── OutOfMemory         out_of_memory        this clip does not fit now; the process is well
    ├── Canceled                canceled             somebody asked for it to stop
    └── EncodingFailed          encoding_failed      the encoder refused the frames

`code` is stable and lower_snake: clients may match on it. `message` tells a person what to change. `permanent` says
that the same request will fail in the same way wherever and whenever it is tried again.
"""

from enum import StrEnum


class InferenceError(Exception):
    """Base of every error that this package raises on purpose."""

    def __init__(self, code: str, message: str, *, permanent: bool) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.permanent = permanent


class RequestError(InferenceError):
    """A parameter breaks its rule. `field` is its name in the request."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__("request_invalid", message, permanent=True)
        self.field = field


class ImageErrorCode(StrEnum):
    """Why a picture was refused: the codes of PictureError."""

    UNREADABLE = "picture_unreadable"
    UNSUPPORTED = "picture_unsupported"
    ANIMATED = "picture_animated"
    TRUNCATED = "picture_truncated"
    TOO_LARGE = "picture_too_large"


class ImageError(InferenceError):
    """The bytes are not a picture that we read; `code` is one of PictureFault."""

    def __init__(self, code: ImageErrorCode, message: str) -> None:
        super().__init__(code.value, message, permanent=True)


class ModelError(InferenceError):
    """The model cannot be loaded as it stands; an operator has to act."""


class ModelNotFound(ModelError):
    """No model of this name, folder or hub repository."""

    def __init__(self, message: str) -> None:
        super().__init__("model_not_found", message, permanent=True)


class EngineMissing(ModelError):
    """The packages that run the model are not installed."""

    def __init__(self, message: str) -> None:
        super().__init__("engine_missing", message, permanent=True)


class ModelIncomplete(ModelError):
    """A file of the checkpoint is missing or cannot be used; `file` is its path inside the checkpoint."""

    def __init__(self, file: str, message: str) -> None:
        super().__init__("model_incomplete", message, permanent=True)
        self.file = file


class DeviceError(InferenceError):
    """The device, not the request, is the obstacle."""


class DeviceNotFound(DeviceError):
    """The device that was asked for does not exist here."""

    def __init__(self, message: str) -> None:
        super().__init__("device_not_found", message, permanent=True)


class DeviceBroken(DeviceError):
    """The accelerator failed and its context cannot be trusted: the process must be replaced."""

    def __init__(self, message: str) -> None:
        super().__init__("device_broken", message, permanent=False)


class OutOfMemory(DeviceError):
    """Not enough memory for this clip now; the engine stays usable."""

    def __init__(self, message: str) -> None:
        super().__init__("out_of_memory", message, permanent=False)


class Canceled(InferenceError):
    """Raised by an `on_step` callback to stop a run; the engine stays usable."""

    def __init__(self, message: str = "The run was canceled.") -> None:
        super().__init__("canceled", message, permanent=True)


class EncodingError(InferenceError):
    """The frames could not be written as a film."""

    def __init__(self, message: str) -> None:
        super().__init__("encoding_failed", message, permanent=False)
