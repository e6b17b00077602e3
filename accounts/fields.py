"""Fields of models and forms for email addresses."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models

from common.email_addresses import canonical_email


class CanonicalEmailField(models.EmailField):  # type: ignore[type-arg] # takes no type argument at run time
    """Stores and finds email addresses in their canonical form, however they are written."""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        return canonical_email(text) if text else text

    def get_prep_value(self, value: Any) -> Any:
        try:
            return super().get_prep_value(value)  # by to_python
        except ValidationError:
            return value  # no row has it: see the constraint of the model


class CanonicalEmailMixin:
    """For form fields: their value is the canonical form, with which everything else compares."""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)  # type: ignore[misc]
        return canonical_email(text) if text else text


class EmailAddressField(CanonicalEmailMixin, forms.EmailField):
    """An email address in a form."""
