"""Forms of a person's own pages."""

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from accounts.models import User


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg] # Django's own takes no argument at run time
    """What others see of a person, and the language of pages and mails."""

    name = forms.CharField(max_length=120, required=False, label=_("Name"))
    language = forms.ChoiceField(choices=settings.LANGUAGES, label=_("Language"))

    class Meta:
        model = User
        fields = ["name", "language"]


class AccountDeletionForm(forms.Form):
    """The address, typed: nobody closes an account by a slip of the hand."""

    email = forms.CharField(max_length=254, label=_("Your email address"))

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._user = user

    def clean_email(self) -> str:
        """Raises ValidationError unless it is the account's."""
        typed: str = self.cleaned_data["email"]
        if typed.strip().lower() != self._user.email.lower():
            raise forms.ValidationError(_("Type %(email)s to close this account."), params={"email": self._user.email})
        return typed
