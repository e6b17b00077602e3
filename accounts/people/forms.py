"""Forms of the user's own pages."""

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from accounts.fields import EmailAddressField
from accounts.models import User
from common.form_fields import NameField


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg] # Django's class takes no type argument at run time
    """The name that others see, and the language of pages and emails."""

    name = NameField(max_length=120, required=False, label=_("Name"))
    language = forms.ChoiceField(choices=settings.LANGUAGES, label=_("Language"))

    class Meta:
        model = User
        fields = ["name", "language"]


class AccountDeletionForm(forms.Form):
    """Asks for the email address, so that no account is closed by accident."""

    email = EmailAddressField(label=_("Your email address"))

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._user = user

    def clean_email(self) -> str:
        """Raise ValidationError unless it is the account's email address."""
        typed: str = self.cleaned_data["email"]
        if typed != self._user.email:
            raise forms.ValidationError(_("Enter %(email)s to close this account."), params={"email": self._user.email})
        return typed
