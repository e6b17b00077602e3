"""From a prompt and a seed to the move of one clip."""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from inference.engines.camera.moves import PACES, PARTS, QUIET, VOCABULARY, Move, is_said

FULL_MOVE_SECONDS = 2.0
"""A clip of about this length makes the whole move; shorter ones make less of it, much longer ones hardly more."""


def read_move(prompt: str, seed: int, duration_seconds: float) -> Move:
    """The move for a clip. The same words, seed and duration give the same move."""
    text = prompt.lower()
    random = np.random.default_rng(seed)
    said = [phrase.move for phrase in VOCABULARY if phrase.is_said(text)]
    move = sum(said, Move()) if said else QUIET[random.integers(len(QUIET))]
    for english, chinese, factor in PACES:
        if is_said(text, english, chinese):
            move *= factor
    return _bounded(_varied(move, random) * _share(duration_seconds))


def ease(progress: NDArray[np.float64]) -> NDArray[np.float64]:
    """0..1 to 0..1, starting and ending gently but never standing still (a blend of a line and a cosine)."""
    return 0.45 * progress + 0.55 * (0.5 - 0.5 * np.cos(math.pi * progress))


def _varied(move: Move, random: np.random.Generator) -> Move:
    """No two seeds frame alike: each part a little stronger or weaker, and a trace of what was not asked for."""
    factors = random.uniform(0.85, 1.15, len(PARTS))
    varied = Move(*(getattr(move, name) * factor for name, factor in zip(PARTS, factors, strict=True)))
    trace = random.uniform(-1, 1, 4)
    return varied + Move(pan=0.012 * trace[0], tilt=0.012 * trace[1], track=0.15 * trace[2], roll=0.008 * trace[3])


def _share(duration_seconds: float) -> float:
    return 1.25 * math.tanh(duration_seconds / FULL_MOVE_SECONDS / 1.1)


def _bounded(move: Move) -> Move:
    """Keeps several words together from tearing the picture apart or cropping it to a stamp."""

    def hold(value: float, bound: float) -> float:
        return bound * math.tanh(value / bound)

    return replace(
        move,
        pan=hold(move.pan, 0.16),
        tilt=hold(move.tilt, 0.16),
        zoom=hold(move.zoom, 0.4),
        roll=hold(move.roll, 0.25),
        dolly=hold(move.dolly, 1.4),
        track=hold(move.track, 1.4),
        sway=hold(move.sway, 1.5),
    )
