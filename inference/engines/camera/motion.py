"""Derive the camera move of a video from its prompt and seed."""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from inference.engines.camera.moves import DEFAULT_MOVES, MOVE_FIELDS, PHRASES, STRENGTH_MODIFIERS, Move, contains_words

FULL_MOVE_SECONDS = 2.0
"""A video of about this length makes the full move; a shorter one makes less, a much longer one hardly more."""


def read_move(prompt: str, seed: int, duration_seconds: float) -> Move:
    """Return the camera move. The same prompt, seed and duration give the same move."""
    text = prompt.lower()
    random = np.random.default_rng(seed)
    matched = [phrase.move for phrase in PHRASES if phrase.matches(text)]
    move = sum(matched, Move()) if matched else DEFAULT_MOVES[random.integers(len(DEFAULT_MOVES))]
    for english, chinese, factor in STRENGTH_MODIFIERS:
        if contains_words(text, english, chinese):
            move *= factor
    return _limit_move(_vary(move, random) * _strength_for_duration(duration_seconds))


def ease(progress: NDArray[np.float64]) -> NDArray[np.float64]:
    """Map 0..1 to 0..1 with a slow start and end but without a stop (a blend of a line and a cosine)."""
    return 0.45 * progress + 0.55 * (0.5 - 0.5 * np.cos(math.pi * progress))


def _vary(move: Move, random: np.random.Generator) -> Move:
    """Vary each part of the move by up to 15 % and add small random parts, so that seeds give different framings."""
    factors = random.uniform(0.85, 1.15, len(MOVE_FIELDS))
    varied = Move(*(getattr(move, name) * factor for name, factor in zip(MOVE_FIELDS, factors, strict=True)))
    trace = random.uniform(-1, 1, 4)
    return varied + Move(pan=0.012 * trace[0], tilt=0.012 * trace[1], track=0.15 * trace[2], roll=0.008 * trace[3])


def _strength_for_duration(duration_seconds: float) -> float:
    return 1.25 * math.tanh(duration_seconds / FULL_MOVE_SECONDS / 1.1)


def _limit_move(move: Move) -> Move:
    """Limit the sum of several phrases, so that it neither tears the image apart nor crops it to a small part."""

    def soft_limit(value: float, bound: float) -> float:
        return bound * math.tanh(value / bound)

    return replace(
        move,
        pan=soft_limit(move.pan, 0.16),
        tilt=soft_limit(move.tilt, 0.16),
        zoom=soft_limit(move.zoom, 0.4),
        roll=soft_limit(move.roll, 0.25),
        dolly=soft_limit(move.dolly, 1.4),
        track=soft_limit(move.track, 1.4),
        sway=soft_limit(move.sway, 1.5),
    )
