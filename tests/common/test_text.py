import json
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.text import file_name_words, has_visible_character, json_line, normalize_text, safe_file_name


@pytest.mark.parametrize(
    ("sent", "normalized"),
    [
        ("cafe\u0301", "café"),
        ("\u1112\u1161\u11ab", "한"),
        ("one\r\ntwo\rthree\nfour", "one\ntwo\nthree\nfour"),
        ("ﬁ ①", "ﬁ ①"),
    ],
)
def test_normalize_text(sent: str, normalized: str) -> None:
    assert normalize_text(sent) == normalized


@given(st.text())
def test_normalized_text_stays_as_it_is(text: str) -> None:
    normalized = normalize_text(text)
    assert normalize_text(normalized) == normalized
    assert normalize_text(unicodedata.normalize("NFD", text)) == normalized
    assert "\r" not in normalized


def test_a_long_run_of_marks_takes_no_quadratic_time() -> None:
    started = time.process_time()
    normalize_text("a" + "\u0301\u0316" * 500_000)
    assert time.process_time() - started < 5


@pytest.mark.parametrize("text", ["a", ".", "雪", "🌧", "\U0001fae9", "e\u0301", "\u0600 \u0645"])
def test_visible(text: str) -> None:
    assert has_visible_character(text)


@pytest.mark.parametrize(
    "text",
    ["", " \n\t", "\u200b", "\u2060\ufeff", "\u00ad", "\u3164", "\u2800\u3000", "\u200d\ufe0f", "\U000e0041", "\u202e"],
)
def test_invisible(text: str) -> None:
    assert not has_visible_character(text)


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("Snow, falls!", ["Snow", "falls"]),
        ("cafe\u0301 au lait", ["café", "au", "lait"]),
        ("หิมะตกหนัก", ["หิมะตกหนัก"]),
        ("बर्फ़ गिर रही है", ["बर्फ़", "गिर", "रही", "है"]),
        ("می\u200cرود", ["میرود"]),
        ("gpj\u202e.exe ../x", ["gpj", "exe", "x"]),
        ("👩\u200d🚀", []),
    ],
)
def test_words_of_file_names(prompt: str, words: list[str]) -> None:
    assert file_name_words(prompt) == [unicodedata.normalize("NFC", word) for word in words]


def test_a_json_line_is_one_line_for_every_reader() -> None:
    value = {"prompt": "one\u2028two\u2029three\x85four\nfive\x0b\x1c雪"}
    line = json_line(value)
    assert len(line.splitlines()) == 1
    assert json.loads(line) == value
    assert "雪" in line


@given(st.text(max_size=400))
def test_safe_file_names(text: str) -> None:
    name = safe_file_name(text)
    assert safe_file_name(name) == name
    assert 1 <= len(name) <= 160
    assert name not in {".", ".."}
    assert not {*name} & {*'/\\:*?"<>|&\0\r\n\u202e'}
