"""Camera moves and the phrases of a prompt that request them."""

import re
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Move:
    """A camera move at full strength, from the first frame to the last.

    pan, tilt: shift of the view to the right and down, as a fraction of the frame height. zoom: natural logarithm of
    the magnification. roll: radians clockwise. dolly: travel into the scene, which moves near objects more than far
    ones; track: the same sideways to the right. sway: strength of a hand-held shake.
    """

    pan: float = 0.0
    tilt: float = 0.0
    zoom: float = 0.0
    roll: float = 0.0
    dolly: float = 0.0
    track: float = 0.0
    sway: float = 0.0

    def __add__(self, other: "Move") -> "Move":
        return Move(*(getattr(self, name) + getattr(other, name) for name in MOVE_FIELDS))

    def __mul__(self, strength: float) -> "Move":
        return Move(*(getattr(self, name) * strength for name in MOVE_FIELDS))


MOVE_FIELDS = tuple(field.name for field in fields(Move))


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that request a move. english: a regular expression for whole words; chinese: one for alternatives."""

    english: str
    chinese: str
    move: Move

    def matches(self, text: str) -> bool:
        """Return whether `text`, in lower case, contains one of the words."""
        return contains_words(text, self.english, self.chinese)


def contains_words(text: str, english: str, chinese: str) -> bool:
    """Return whether `text` matches. Only English is matched at word boundaries: Chinese has no spaces."""
    return re.search(rf"\b(?:{english})\b|{chinese}", text) is not None


_SIDEWAYS = r"(?:pan\w*|mov\w+|slid\w+|track\w*|turn\w*|look\w*|drift\w*|to the)(?: \w+){0,2}"

PHRASES = (
    Phrase(
        r"zoom\w*[ -]?out|pull\w*[ -]?(?:back|out)|widen\w*|dolly\w*[ -]out",
        "拉远|缩小|后退",
        Move(zoom=-0.22, dolly=-0.6),
    ),
    Phrase(r"zoom\w*(?![ -]?out)|close[ -]?up|closer|magnif\w+", "放大|特写|变焦", Move(zoom=0.22, dolly=0.3)),
    Phrase(
        r"push\w*[ -]?in|dolly\w*(?![ -]out)|forwards?|approach\w*|towards?|fly\w*",
        "推近|推进|前进|向前|靠近|走来|飞行",
        Move(zoom=0.14, dolly=1.0),
    ),
    Phrase(r"backwards?|retreat\w*|reced\w*", "向后|远离", Move(zoom=-0.14, dolly=-1.0)),
    Phrase(rf"{_SIDEWAYS} left|leftwards?", "向左|左移|左转", Move(pan=-0.1, track=-0.7)),
    Phrase(rf"{_SIDEWAYS} right|rightwards?", "向右|右移|右转", Move(pan=0.1, track=0.7)),
    Phrase(
        r"ris(?:e|es|ing)|tilt\w* up|upwards?|(?:look|mov|float|go)\w* up|climb\w*|ascend\w*|lift\w*|soar\w*",
        "上升|升起|升空|向上|抬起|起飞",
        Move(tilt=-0.1, zoom=0.05),
    ),
    Phrase(
        r"fall(?:s|ing)?|tilt\w* down|downwards?|(?:look|mov|go)\w* down|descend\w*|sink\w*|drop\w*",
        "下降|落下|向下|飘落|下雨|下雪",
        Move(tilt=0.1, zoom=0.05),
    ),
    Phrase(r"(?:counter|anti)-?clockwise", "逆时针", Move(roll=-0.32, zoom=0.04)),
    Phrase(r"clockwise|roll\w*|spin\w*|rotat\w*|whirl\w*", "旋转|顺时针|转动", Move(roll=0.16, zoom=0.04)),
    Phrase(r"orbit\w*|around|circl\w*|arc(?:s|ing)?", "环绕|围绕", Move(pan=-0.05, track=1.2, roll=0.03)),
    Phrase(r"turns? (?:its|his|her|the|their) head|head turns", "转头|回头", Move(track=0.8, pan=0.04, zoom=0.06)),
    Phrase(
        r"walk\w*|run(?:s|ning)?|driv\w+|rid(?:e|es|ing)|march\w*",
        "走|跑|行驶|骑",
        Move(zoom=0.1, dolly=0.9, sway=0.5),
    ),
    Phrase(r"hand-?held|shak\w+|trembl\w*|earthquake", "颤|晃|抖", Move(sway=1.2)),
    Phrase(
        r"steam\w*|smok\w+|breath\w*|blow\w*|wind|sway\w*|wav(?:e|es|ing)|flow\w*|drift\w*",
        "呼吸|蒸汽|烟|风|飘|流动|波浪",
        Move(track=0.6, tilt=-0.03, zoom=0.05),
    ),
)
"""The moves of all matching phrases are added. Counter-clockwise also matches clockwise, and outweighs it."""

STRENGTH_MODIFIERS = (
    (r"slow(?:ly)?|gent(?:le|ly)|subt(?:le|ly)|soft(?:ly)?|calm(?:ly)?", "慢|轻轻|微微|缓缓", 0.6),
    (
        r"fast|quick(?:ly)?|rapid(?:ly)?|sudden(?:ly)?|dramatic(?:ally)?|swift(?:ly)?|strong(?:ly)?",
        "快|急|猛|迅速",
        1.5,
    ),
)
"""English words, Chinese words and the factor by which they multiply the whole move."""

DEFAULT_MOVES = (
    Move(zoom=0.16, dolly=0.8),
    Move(zoom=-0.14, dolly=-0.7),
    Move(pan=0.07, track=0.9, zoom=0.05),
    Move(pan=-0.07, track=-0.9, zoom=0.05),
    Move(tilt=-0.06, dolly=0.5, zoom=0.08),
)
"""One of these is drawn if the prompt requests no move; they suit any image."""
