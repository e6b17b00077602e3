"""Text as it is stored, counted, searched and compared: the same letters are always the same code points."""

import json
import re
import unicodedata
from itertools import groupby
from typing import Any

_ESCAPED_LINE_ENDS = {ord(each): f"\\u{ord(each):04x}" for each in "\x85\u2028\u2029"}
_LINE_END = re.compile("\r\n?")
# By their category letters and symbols, but blank in every font: Hangul fillers, Khmer inherent vowels, blank Braille.
_INVISIBLE_CATEGORIES = {"Cc", "Cf", "Cs", "Mc", "Me", "Mn", "Zl", "Zp", "Zs"}
_BLANK_LETTERS = "\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
# On some system, or where `&` starts an HTML entity, as in Django's parser of forms.
_UNSAFE_IN_FILE_NAMES = re.compile(r'[:*?"<>|&]')
# Django stores uploads under random names with the suffix of the sent one.
_MAX_FILE_NAME_LENGTH, _MAX_SUFFIX_LENGTH = 150, 8
# As in Unicode's Stream-Safe Text Format.
_MAX_MARKS = 30

MAX_EXPANSION = 4
"""Text may become this many times shorter: decomposed, a letter may be four code points. A line end is two."""


def normalize_text(text: str) -> str:
    """Return the text in Unicode's composed form (NFC) and with LF line ends, in which its length is counted.

    macOS sends file names in the decomposed form, and browsers send the line ends of forms as CRLF.
    """
    text = _LINE_END.sub("\n", text)
    # Composing takes quadratic time in the length of such a run, which no language has.
    return text if _has_long_run_of_marks(text) else unicodedata.normalize("NFC", text)


def single_line(text: str) -> str:
    """Return the text with one space in place of each line end and each run of spaces, as names are stored.

    Names stand in the lines of emails, to which a name with line ends could add its own.
    """
    return " ".join(text.split())


def _has_long_run_of_marks(text: str) -> bool:
    runs = () if text.isascii() else groupby(text, key=lambda each: unicodedata.combining(each) > 0)
    return any(is_mark and sum(1 for _ in run) > _MAX_MARKS for is_mark, run in runs)


def json_line(value: Any) -> str:
    """Return JSON without the characters at which some readers end a line, such as Python's `splitlines`."""
    return json.dumps(value, ensure_ascii=False).translate(_ESCAPED_LINE_ENDS)


def has_visible_character(text: str) -> bool:
    """Return whether a reader sees anything: not only spaces, control characters, joiners and other marks."""
    return any(unicodedata.category(each) not in _INVISIBLE_CATEGORIES and each not in _BLANK_LETTERS for each in text)


def file_name_words(text: str) -> list[str]:
    """Return the words of a text for a file name. The marks of Thai, Hindi and other scripts are part of them."""
    return normalize_text("".join(map(_in_file_name, text))).split()


def _in_file_name(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cf":  # joiners are part of a word, and directions could disguise the suffix
        return ""
    return character if category[0] in "LNM" or character == "_" else " "


def safe_file_name(name: str) -> str:
    """Return a name for the file that every system can store, as much like the sent one as possible."""
    name = re.split(r"[/\\]", normalize_text(name))[-1]
    name = _UNSAFE_IN_FILE_NAMES.sub("_", "".join(each for each in name if each.isprintable())).strip(". ")
    stem, dot, suffix = name.rpartition(".")
    if not dot or len(suffix) > _MAX_SUFFIX_LENGTH:
        stem, dot, suffix = name, "", ""
    return f"{stem[:_MAX_FILE_NAME_LENGTH]}{dot}{suffix}" or "file"
