"""allauth's forms for passkeys, hardened against malformed credentials.

The library that parses credentials expects well-formed ones and raises arbitrary exceptions for others.
"""

from typing import Any

from allauth.mfa.adapter import get_adapter
from allauth.mfa.webauthn import forms as allauth_forms
from django import forms

from common.form_fields import NameField

# A credential is base64url in JSON and needs no escapes. PostgreSQL and UTF-8 do not accept all escaped characters.
_ESCAPE = "\\u"
_MALFORMED_ERRORS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


class _CredentialMixin:
    """Reports a malformed credential like a wrong one."""

    def full_clean(self: Any) -> None:
        raw = self.data.get("credential", "") if self.is_bound else ""
        try:
            if not raw.isascii() or _ESCAPE in raw:
                raise ValueError(raw)
            super().full_clean()  # type: ignore[misc]
        except _MALFORMED_ERRORS:
            self._errors = forms.utils.ErrorDict()
            self.cleaned_data: dict[str, Any] = {}
            self.add_error("credential", get_adapter().validation_error("incorrect_code"))
        if "credential" in self._errors:
            # Do not repeat it in the page: it may contain characters that cannot be encoded.
            self.data = {**self.data.dict(), "credential": ""}


class _NameForm(forms.Form):
    name = NameField(required=False, max_length=80)


class AddForm(_CredentialMixin, _NameForm, allauth_forms.AddWebAuthnForm):  # type: ignore[misc]
    """Registers a passkey."""


class EditForm(allauth_forms.EditWebAuthnForm):  # type: ignore[misc]
    """Renames a passkey."""

    name = NameField(max_length=80)


class PasskeySignInForm(_CredentialMixin, allauth_forms.LoginWebAuthnForm):  # type: ignore[misc]
    """Signs in with a passkey instead of the password."""


class AuthenticateForm(_CredentialMixin, allauth_forms.AuthenticateWebAuthnForm):  # type: ignore[misc]
    """Uses a passkey as the second factor."""


class ReauthenticateForm(_CredentialMixin, allauth_forms.ReauthenticateWebAuthnForm):  # type: ignore[misc]
    """Confirms the user's identity before security-relevant changes."""
