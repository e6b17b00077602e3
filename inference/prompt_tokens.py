"""How many tokens a prompt may have, without the tokenizer of a model."""

import re

_WORD_OR_SYMBOL = re.compile(r"[^\W\d_]+|\d|[^\w\s]|_")
_LETTERS_PER_TOKEN = 6


def estimate_tokens(prompt: str) -> int:
    """Return about the highest number of tokens that CLIP makes of a prompt, without its start and end tokens.

    Its vocabulary is of English: six letters of a rare word are a token, and so is each symbol of ASCII. Each byte in
    UTF-8 of any other letter, mark or symbol may be one, though all bytes of a common emoji are one or two.
    """
    return sum(map(_tokens_of, _WORD_OR_SYMBOL.findall(prompt)))


def _tokens_of(word: str) -> int:
    english = sum(each.isascii() for each in word)
    return -(-english // _LETTERS_PER_TOKEN) + len(word.encode()) - english
