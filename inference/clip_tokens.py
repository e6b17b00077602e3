"""Counts the tokens that CLIP makes of a prompt, without torch and without a model's files.

The merges are those of OpenAI's CLIP (MIT license), which the text encoders of our models share.
"""

import gzip
import re
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path

_MERGES = Path(__file__).with_name("clip_merges.txt.gz")
_WORD = re.compile(r"'(?:s|t|re|ve|m|ll|d)|[^\W\d_]+|\d|(?:[^\s\w]|_)+")
_END_OF_WORD = "</w>"
# The letters of the merges stand for bytes: those that are visible in Latin-1 for themselves.
_VISIBLE_BYTES = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
_INVISIBLE_BYTES = [byte for byte in range(0x100) if byte not in _VISIBLE_BYTES]
_LETTERS = {byte: chr(byte) for byte in _VISIBLE_BYTES} | {
    byte: chr(0x100 + index) for index, byte in enumerate(_INVISIBLE_BYTES)
}
# Merging takes quadratic time in the length of a word. Longer ones are counted in parts.
_MAX_WORD_BYTES = 256


def exceeds_tokens(prompt: str, maximum: int) -> bool:
    """Return whether the prompt has more than `maximum` tokens, including those for its start and its end."""
    budget = maximum - 2
    # A token stands for at least one byte.
    if len(prompt.encode()) <= budget:
        return False
    for match in _WORD.finditer(prompt.lower()):
        word = match[0].encode()
        for start in range(0, len(word), _MAX_WORD_BYTES):
            budget -= _count_tokens(word[start : start + _MAX_WORD_BYTES])
            if budget < 0:
                return True
    return False


@lru_cache(10_000)
def _count_tokens(word: bytes) -> int:
    """Return the number of tokens by byte pair encoding: again and again, the pair of the lowest rank becomes one."""
    ranks = _ranks()
    symbols = [_LETTERS[byte] for byte in word]
    symbols[-1] += _END_OF_WORD
    while len(symbols) > 1:
        best = min(pairwise(symbols), key=lambda pair: ranks.get(pair, len(ranks)))
        if best not in ranks:
            break
        merged: list[str] = []
        for symbol in symbols:
            # `merged` ends with the first half only if that was not merged itself: a merge makes a longer symbol.
            if merged and (merged[-1], symbol) == best:
                merged[-1] += symbol
            else:
                merged.append(symbol)
        symbols = merged
    return len(symbols)


@cache
def _ranks() -> dict[tuple[str, str], int]:
    with gzip.open(_MERGES, "rt", encoding="utf-8") as lines:
        return {(first, second): rank for rank, (first, second) in enumerate(map(str.split, lines))}
