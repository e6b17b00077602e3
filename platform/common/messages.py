"""Messages to people: an English template and its parameters, rendered when they are read.

The API renders a message in English, a page in the language of its reader. A stored message keeps template and
parameters. Templates are plain literals where the message is created; a test collects them there and checks that each
one has a translation. This module needs no Django until a message is localized: engine processes import it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Message:
    """A template with `%(name)s` placeholders, or `{name}` as in Django REST framework, and the values for them.

    A value may be a message itself: `Message("%(reason)s It was tried %(count)s times.", {"reason": reason, …})`.
    """

    template: str
    params: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return the text in English."""
        return _fill(self.template, self.params)

    def localized(self) -> str:
        """Return the text in the active language; in English where there is no translation."""
        from django.utils.translation import gettext  # noqa: PLC0415 (see the module's docstring)

        values = {
            name: value.localized() if isinstance(value, Message) else value for name, value in self.params.items()
        }
        return _fill(gettext(self.template), values) if self.template else ""

    def as_json(self) -> dict[str, Any]:
        """Return the message as a value for a JSON column."""
        return {"template": self.template, "params": self.params_as_json()}

    def params_as_json(self) -> dict[str, Any]:
        return {name: _json_value(value) for name, value in self.params.items()}

    @classmethod
    def from_json(cls, stored: Any) -> "Message":
        """Return the message behind a stored value; a plain text, as earlier releases stored it, stays as it is."""
        if not isinstance(stored, dict):
            return cls(str(stored))
        return cls.from_columns(stored["template"], stored["params"])

    @classmethod
    def from_columns(cls, template: str, params: Mapping[str, Any] | None) -> "Message":
        """Return the message whose template and parameters are stored in two columns.

        params: None for a row of an earlier release, whose text is complete.
        """
        nested = {"template", "params"}
        values = {
            name: cls.from_json(value) if isinstance(value, dict) and value.keys() == nested else value
            for name, value in (params or {}).items()
        }
        return cls(template, values)


def _json_value(value: Any) -> Any:
    if isinstance(value, Message):
        return value.as_json()
    return value if isinstance(value, str | int | float | None) else str(value)


def _fill(template: str, params: Mapping[str, Any]) -> str:
    # Without parameters nothing is replaced: a stored text of an earlier release may contain a percent sign.
    if not params:
        return template
    return template % params if "%(" in template else template.format(**params)
