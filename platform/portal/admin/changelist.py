"""The desk's lists: what Unfold makes anew for each row, though it is the same in all, is made once."""

from functools import cache
from typing import Any

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from unfold.admin import checkbox
from unfold.views import ChangeList

_PK_PLACEHOLDER = "pk-placeholder"


class CachedChangeList(ChangeList):
    """With each row come the headers, and with each header the addresses that sort by it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._query_strings: dict[str, str] = {}
        super().__init__(*args, **kwargs)

    def get_query_string(self, new_params: dict[str, Any] | None = None, remove: list[str] | None = None) -> str:
        cache_key = repr((new_params, remove))
        if cache_key not in self._query_strings:
            self._query_strings[cache_key] = super().get_query_string(new_params, remove)
        return self._query_strings[cache_key]


def row_checkbox(key: Any) -> SafeString:
    """The box that chooses a row for a deed; key: the row's, which has no letters that HTML would read."""
    return mark_safe(_checkbox_template(get_language()).replace(_PK_PLACEHOLDER, str(key)))  # noqa: S308


@cache
def _checkbox_template(_language: str | None) -> str:
    return str(checkbox.render(ACTION_CHECKBOX_NAME, _PK_PLACEHOLDER))
