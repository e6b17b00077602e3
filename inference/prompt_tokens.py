"""How many tokens a prompt may have, without the tokenizer of a model."""

import re
from typing import Literal

Tokenizer = Literal["clip", "t5", "gemma"]
"""The family of a model's tokenizer. t5, gemma: SentencePiece with a vocabulary of many languages."""

SPECIAL_TOKENS: dict[Tokenizer, int] = {"clip": 2, "t5": 1, "gemma": 1}
"""Tokens that mark start and end, which count among those that a model reads."""

_WORD_OR_SYMBOL = re.compile(r"[^\W\d_]+|\d|[^\w\s]|_")
_LETTERS_PER_TOKEN: dict[Tokenizer, int] = {"clip": 6, "t5": 4, "gemma": 5}


def estimate_tokens(prompt: str, tokenizer: Tokenizer) -> int:
    """Return about the highest number of tokens of a prompt, without the special ones.

    A few letters of a rare English word are a token, and so is each symbol of ASCII. CLIP's vocabulary is of English:
    each byte in UTF-8 of any other letter, mark or symbol may be a token, though all bytes of a common emoji are one or
    two. The other vocabularies have the letters of all languages, so that each is one token at most.
    """
    return sum(_tokens_of(word, tokenizer) for word in _WORD_OR_SYMBOL.findall(prompt))


def _tokens_of(word: str, tokenizer: Tokenizer) -> int:
    english = sum(each.isascii() for each in word)
    others = len(word.encode()) if tokenizer == "clip" else len(word)
    return -(-english // _LETTERS_PER_TOKEN[tokenizer]) + others - english
