"""A short run of the fuzzer; `make fuzz-images` runs a long one."""

from types import ModuleType
from typing import Any

import pytest
from PIL import Image

from inference.image_decoding import jpeg, png
from tests.inference.image_decoding.fuzz import MAX_MEMORY_MB, run


def test_mutants_of_images_end_in_an_image_or_an_error_of_the_image() -> None:
    assert run(3000, seed=1) == []


def test_the_fuzzer_finds_an_exception_that_gets_out() -> None:
    def leaking(data: bytes) -> Any:
        if data.startswith(b"\x89PNG"):
            raise KeyError
        return Image.new("RGB", (1, 1))

    assert "KeyError" in run(60, seed=1, decode=leaking)[0]


def test_the_fuzzer_finds_a_case_that_takes_too_much_memory() -> None:
    sizes = iter([MAX_MEMORY_MB + 100])

    def hungry(_data: bytes) -> Any:
        assert b"x" * 1_000_000 * next(sizes, 1)
        return Image.new("RGB", (1, 1))

    (fault,) = run(10, seed=1, decode=hungry)
    assert "MB of memory" in fault


@pytest.mark.parametrize(("module", "bound"), [(jpeg, "_MAX_SCANS"), (png, "_MAX_CHUNKS")])
def test_the_fuzzer_finds_a_missing_bound(module: ModuleType, bound: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, bound, 10**9)
    assert "CPU seconds" in "".join(run(302, seed=1))
