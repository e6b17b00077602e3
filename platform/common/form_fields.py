"""Fields of Django forms."""

from typing import Any

from django import forms

from common.text import MAX_EXPANSION, has_visible_character, normalize_text, single_line


class NormalizedCharField(forms.CharField):
    """Text as `jobs.api.fields.TextField` accepts it: normalized, and blank without a visible character."""

    def to_python(self, value: Any) -> str:
        if isinstance(value, str) and (self.max_length is None or len(value) <= MAX_EXPANSION * self.max_length):
            value = normalize_text(value)  # longer text is refused, and normalizing takes time
        text = super().to_python(value) or ""
        # The framework's validator refuses NUL.
        return text if "\0" in text or has_visible_character(text) else ""


class NameField(NormalizedCharField):
    """A name, which is one line."""

    def to_python(self, value: Any) -> str:
        return super().to_python(single_line(value) if isinstance(value, str) else value)
