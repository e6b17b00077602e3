"""A short run of the fuzzer; `make fuzz-images` runs a long one."""

from types import ModuleType
from typing import Any

import pytest
from PIL import Image

from inference.image_decoding import jpeg, png
from tests.inference.image_decoding.fuzz import MAX_MEMORY_BYTES, memory_peak_bytes, run


def test_mutants_of_images_end_in_an_image_or_an_error_of_the_image() -> None:
    before = memory_peak_bytes()
    assert run(3000, seed=1) == []
    # Other tests of the same process may have used more.
    assert memory_peak_bytes() - before < MAX_MEMORY_BYTES


def test_the_fuzzer_finds_an_exception_that_gets_out() -> None:
    def leaking(data: bytes) -> Any:
        if data.startswith(b"\x89PNG"):
            raise KeyError
        return Image.new("RGB", (1, 1))

    assert "KeyError" in run(60, seed=1, decode=leaking)[0]


@pytest.mark.parametrize(("module", "bound"), [(jpeg, "_MAX_SCANS"), (png, "_MAX_CHUNKS")])
def test_the_fuzzer_finds_a_missing_bound(module: ModuleType, bound: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, bound, 10**9)
    assert "CPU seconds" in "".join(run(302, seed=1))
