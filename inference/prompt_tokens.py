"""How many tokens a prompt may have, without the tokenizer of a model."""

import re

_WORD_OR_SIGN = re.compile(r"[^\W\d_]+|\d|[^\w\s]|_")
_LETTERS_PER_TOKEN = 6


def estimate_tokens(prompt: str) -> int:
    """Return about the highest number of tokens that CLIP makes of a prompt, without its start and end tokens.

    Its vocabulary is of English: six letters of a rare word are a token. Of letters of other scripts each byte may be
    one; emoji and other signs have tokens of their own, or two.
    """
    return sum(map(_tokens_of, _WORD_OR_SIGN.findall(prompt)))


def _tokens_of(word: str) -> int:
    if not word[0].isalnum():
        return 1 if word.isascii() else 2
    english = sum(each.isascii() for each in word)
    return -(-english // _LETTERS_PER_TOKEN) + len(word.encode()) - english
