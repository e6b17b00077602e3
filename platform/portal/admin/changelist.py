"""Lists of the admin: caches what Unfold otherwise computes again for each row, although it is the same for all."""

from functools import cache
from typing import Any

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from unfold.admin import checkbox
from unfold.views import ChangeList

_PK_PLACEHOLDER = "pk-placeholder"


class CachedChangeList(ChangeList):
    """Builds each query string once: Unfold renders the headers, and the URLs that sort by them, for each row."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._query_strings: dict[str, str] = {}
        super().__init__(*args, **kwargs)

    def get_query_string(self, new_params: dict[str, Any] | None = None, remove: list[str] | None = None) -> str:
        cache_key = repr((new_params, remove))
        if cache_key not in self._query_strings:
            self._query_strings[cache_key] = super().get_query_string(new_params, remove)
        return self._query_strings[cache_key]

    def get_ordering_field(self, field_name: Any) -> Any:
        return self.model_admin.ordering_fields.get(field_name) or super().get_ordering_field(field_name)


def row_checkbox(key: Any) -> SafeString:
    """Render the checkbox that selects a row for an action. `key` is a primary key: it has nothing to escape."""
    return mark_safe(_checkbox_template(get_language()).replace(_PK_PLACEHOLDER, str(key)))  # noqa: S308


@cache
def _checkbox_template(_language: str | None) -> str:
    return str(checkbox.render(ACTION_CHECKBOX_NAME, _PK_PLACEHOLDER))
