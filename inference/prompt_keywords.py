"""What a prompt must contain to have an effect on a model that understands only some phrases."""

from typing import Literal

from inference.engines.camera.moves import PHRASES

Keywords = Literal["camera"]
"""camera: a camera movement."""


def matches_keywords(prompt: str, keywords: Keywords) -> bool:
    """Return whether the prompt contains at least one of the phrases."""
    phrases = {"camera": PHRASES}[keywords]
    text = prompt.lower()
    return any(phrase.matches(text) for phrase in phrases)
