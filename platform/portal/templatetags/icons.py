"""`{% lucide "name" %}`: lucide's own tag, which draws each icon once a process instead of once a place.

The library copies and serialises an XML tree for every icon, and a page has some thirty of them.
"""

from functools import cache
from typing import cast

from django import template
from django.utils.safestring import SafeString
from lucide.templatetags import lucide as library

register = template.Library()


@register.simple_tag
def lucide(name: str, *, size: int = 24, **attributes: str | int) -> SafeString:
    """An inline SVG. Raises IconDoesNotExist for a name that lucide does not have."""
    return _draw(name, size, tuple(attributes.items()))


@cache
def _draw(name: str, size: int, attributes: tuple[tuple[str, str | int], ...]) -> SafeString:
    return cast("SafeString", library.lucide(name, size=size, **dict(attributes)))
