"""The desk's lists: what Unfold makes anew for each row, though it is the same in all, is made once."""

from functools import cache
from typing import Any

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from unfold.admin import checkbox
from unfold.views import ChangeList

_PLACE = "place-of-the-key"


class DeskList(ChangeList):
    """With each row come the headers, and with each header the addresses that sort by it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._addresses: dict[str, str] = {}
        super().__init__(*args, **kwargs)

    def get_query_string(self, new_params: dict[str, Any] | None = None, remove: list[str] | None = None) -> str:
        asked = repr((new_params, remove))
        if asked not in self._addresses:
            self._addresses[asked] = super().get_query_string(new_params, remove)
        return self._addresses[asked]


def row_checkbox(key: Any) -> SafeString:
    """The box that chooses a row for a deed; key: the row's, which has no letters that HTML would read."""
    return mark_safe(_pattern(get_language()).replace(_PLACE, str(key)))  # noqa: S308


@cache
def _pattern(_language: str | None) -> str:
    return str(checkbox.render(ACTION_CHECKBOX_NAME, _PLACE))
