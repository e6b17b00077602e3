"""Faults of the networks of a pipeline."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def failing(network: Any, times: int) -> Iterator[list[int]]:
    """Let a network run out of memory so many times; yields a list with an item for each failure."""
    import torch

    failures: list[int] = []

    def fail(*_: Any) -> None:
        if len(failures) < times:
            failures.append(1)
            raise torch.OutOfMemoryError("CUDA out of memory")

    hook = network.register_forward_pre_hook(fail)
    yield failures
    hook.remove()
