"""How allauth makes our users."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest

from accounts.models import User
from accounts.services import ensure_personal_team


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Gives every new account its personal team, in the signup's own transaction."""

    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> User:
        user = super().save_user(request, user, form, commit=commit)
        if commit:  # allauth also calls with commit=False to fill a form
            ensure_personal_team(user=user)
        return user
