"""Mask secrets in log text, so that nobody who reads a log can use them."""

import re

HIDDEN = "[hidden]"
# The end of a secret: what cannot be part of one in a URL, in quotes, in JSON or in colored output.
_VALUE = r"""[^\s/?#&"'<>\\,\x00-\x1f]+"""
_PATTERNS = (
    # Paths that open something to anybody who has them: share links, invitations, new passwords, email addresses. They
    # are matched as text because a log line can name the path of a request that no route matches, or its referrer.
    # tests/common/test_masking.py compares them with the routes.
    re.compile(
        rf"(/(?:s|join|accounts/password/reset/key|accounts/confirm-email)/[\s/]{{0,20}}){_VALUE}", re.IGNORECASE
    ),
    # Query parameters: signed URLs of this site and of buckets, and the redirects of identity providers.
    re.compile(
        r"([?&][\w.-]{0,40}(?:token|secret|signature|sig|key|password|credential|code|state)[\w.-]{0,40}=)" + _VALUE,
        re.IGNORECASE,
    ),
    # API keys, whose prefix names the key, and signing secrets. Without `\b`, `re` looks for the first letters alone.
    re.compile(r"(mts_[0-9a-f]{1,32}_)[\w-]+"),
    re.compile(r"(whsec_)[\w+/=-]+"),
)


def mask_secrets(text: str) -> str:
    """Return the text with every secret that a URL can contain, every API key and every signing secret hidden."""
    for pattern in _PATTERNS:
        text = pattern.sub(rf"\1{HIDDEN}", text)
    return text
