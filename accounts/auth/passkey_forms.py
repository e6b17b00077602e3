"""allauth's forms for passkeys, for bodies that no browser sends.

The library that reads credentials takes them for well formed and raises whatever comes of one that is not.
"""

from typing import Any

from allauth.mfa.adapter import get_adapter
from allauth.mfa.webauthn import forms as allauth_forms
from django import forms

# A credential is base64url in JSON: whatever needs an escape is none, and neither Postgres nor UTF-8 takes them all.
_ESCAPE = "\\u"
_MALFORMED_ERRORS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


class _CredentialMixin:
    """A credential that cannot be read is refused like a wrong one."""

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
            # Of no further use, and perhaps nothing that can be written into a page.
            self.data = {**self.data.dict(), "credential": ""}


class _NameForm(forms.Form):
    name = forms.CharField(required=False, max_length=80)


class AddForm(_CredentialMixin, _NameForm, allauth_forms.AddWebAuthnForm):  # type: ignore[misc]
    """Registers a passkey."""


class EditForm(allauth_forms.EditWebAuthnForm):  # type: ignore[misc]
    """Renames one."""

    name = forms.CharField(max_length=80)


class SignInForm(_CredentialMixin, allauth_forms.LoginWebAuthnForm):  # type: ignore[misc]
    """Takes the place of the password."""


class AuthenticateForm(_CredentialMixin, allauth_forms.AuthenticateWebAuthnForm):  # type: ignore[misc]
    """Comes after the password."""


class ReauthenticateForm(_CredentialMixin, allauth_forms.ReauthenticateWebAuthnForm):  # type: ignore[misc]
    """Before changes that touch security."""
