"""Errors carry a template and its parameters, and survive pickling, as between the engine process and its worker."""

import ast
import pickle
from pathlib import Path

import pytest

from inference.errors import (
    Canceled,
    DeviceBroken,
    DeviceNotFound,
    EncodingError,
    EngineMissing,
    ImageError,
    ImageErrorCode,
    InferenceError,
    ModelIncomplete,
    ModelNotFound,
    OutOfMemory,
    RequestError,
)

PACKAGE = Path(__file__).parents[2] / "inference"
POSITION_OF_TEMPLATE = {"InferenceError": 1, "RequestError": 1, "ImageError": 1, "ModelIncomplete": 1}
ERRORS = [
    InferenceError("scratch_failed", "Disk full: %(reason)s", {"reason": "ENOSPC"}, permanent=False),
    RequestError("fps", "fps must be in the range %(range)s.", {"range": "4..24"}),
    ImageError(ImageErrorCode.TOO_LARGE, "At most %(megapixels)s megapixels.", {"megapixels": 25}),
    ModelNotFound("There is no model '%(name)s'.", {"name": "50 %(x)s"}),
    EngineMissing("Install torch."),
    ModelIncomplete("unet/config.json", "%(file)s is missing.", {"file": "unet/config.json"}),
    DeviceNotFound("There is no device %(device)s.", {"device": "cuda:9"}),
    DeviceBroken("%(device)s failed: %(reason)s", {"device": "cuda:0", "reason": "an illegal memory access"}),
    OutOfMemory("100 % of the memory is used."),
    Canceled(),
    EncodingError("%(seconds)s s", {"seconds": 0.5}),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_every_error_survives_pickling(error: InferenceError) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(copy) is type(error)
    assert vars(copy) == vars(error)
    assert (str(copy), copy.args) == (str(error), error.args)
    assert set(vars(copy)) >= {"code", "template", "params", "permanent", "message"}


def test_the_message_is_the_template_with_its_parameters() -> None:
    error = RequestError("fps", "fps must be in the range %(range)s.", {"range": "4..24"})
    assert str(error) == error.message == "fps must be in the range 4..24."
    assert (error.template, error.params) == ("fps must be in the range %(range)s.", {"range": "4..24"})


def test_a_template_without_parameters_may_contain_a_percent_sign() -> None:
    error = OutOfMemory("100 % of the memory is used.")
    assert error.message == error.template
    assert error.params == {}


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_templates_are_literals_whose_placeholders_have_values(path: Path) -> None:
    kinds = {type(error).__name__ for error in ERRORS} - {"Canceled"}
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call) or getattr(node.func, "id", "") not in kinds:
            continue
        position = POSITION_OF_TEMPLATE.get(getattr(node.func, "id", ""), 0)
        template = node.args[position]
        assert isinstance(template, ast.Constant), (path, node.lineno)
        assert isinstance(template.value, str), (path, node.lineno)
        assert ("%(" in template.value) == (len(node.args) > position + 1), (path, node.lineno)
