"""Every pair of colours that the look puts on each other meets WCAG AA."""

import re
from pathlib import Path

import pytest
from django.conf import settings

TOKENS = (Path(settings.ROOT) / "static" / "css" / "tokens.css").read_text()
COLOURS = {
    name: (light, dark)
    for name, light, dark in re.findall(r"--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", TOKENS)
}
GROUNDS = ("paper", "surface", "wash", "accent-wash")
TEXT = [
    (text, ground) for text in ("ink", "muted", "accent", "accent-strong", "good", "warn", "bad") for ground in GROUNDS
]
TEXT += [("on-accent", "accent"), ("on-accent", "accent-strong"), ("on-bad", "bad")]
TEXT += [(name, f"{name}-wash") for name in ("good", "warn", "bad")] + [
    ("ink", f"{name}-wash") for name in ("good", "warn", "bad")
]
CONTROLS = [("edge", ground) for ground in ("paper", "surface")] + [("accent", ground) for ground in GROUNDS]


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_and_controls_are_legible(theme: int) -> None:
    poor = [
        (front, ground, round(found, 2))
        for pairs, needed in ((TEXT, 4.5), (CONTROLS, 3.0))
        for front, ground in pairs
        if (found := contrast(COLOURS[front][theme], COLOURS[ground][theme])) < needed
    ]
    assert poor == []
