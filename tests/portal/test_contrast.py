"""Every combination of colors in the design meets WCAG AA."""

import re
from pathlib import Path

import pytest
from django.conf import settings

TOKENS = (Path(settings.ROOT) / "static" / "css" / "tokens.css").read_text()
COLORS = {
    name: (light, dark)
    for name, light, dark in re.findall(r"--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", TOKENS)
}
BACKGROUNDS = ("paper", "surface", "wash", "accent-wash")
TEXT = [
    (text, background)
    for text in ("ink", "muted", "accent", "accent-strong", "good", "warn", "bad")
    for background in BACKGROUNDS
]
TEXT += [("on-accent", "accent"), ("on-accent", "accent-strong"), ("on-bad", "bad")]
TEXT += [(name, f"{name}-wash") for name in ("good", "warn", "bad")] + [
    ("ink", f"{name}-wash") for name in ("good", "warn", "bad")
]
CONTROLS = [("edge", background) for background in ("paper", "surface")] + [
    ("accent", background) for background in BACKGROUNDS
]


def luminance(color: str) -> float:
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_and_controls_are_legible(theme: int) -> None:
    poor = [
        (foreground, background, round(ratio, 2))
        for pairs, minimum in ((TEXT, 4.5), (CONTROLS, 3.0))
        for foreground, background in pairs
        if (ratio := contrast(COLORS[foreground][theme], COLORS[background][theme])) < minimum
    ]
    assert poor == []
