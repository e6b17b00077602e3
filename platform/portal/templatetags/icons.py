"""`{% lucide "name" %}`: lucide's own tag with a cache, so that each process renders an icon once.

The library copies and serializes an XML tree for every icon, and a page has about thirty of them.
"""

from functools import cache
from typing import cast

from django import template
from django.utils.safestring import SafeString
from lucide.templatetags import lucide as library

register = template.Library()


@register.simple_tag
def lucide(name: str, *, size: int = 24, **attributes: str | int) -> SafeString:
    """Return an inline SVG. Raises IconDoesNotExist for an unknown name."""
    return _draw(name, size, tuple(attributes.items()))


@cache
def _draw(name: str, size: int, attributes: tuple[tuple[str, str | int], ...]) -> SafeString:
    return cast("SafeString", library.lucide(name, size=size, **dict(attributes)))
