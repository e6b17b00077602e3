"""Forms of the team's pages."""

from typing import Any, cast

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from accounts.models import Membership, Team
from accounts.roles import Role

_MAX_CAP = 2**31 - 1


class NewTeamForm(forms.Form):
    """A name to know the team by."""

    name = forms.CharField(max_length=120, label=_("Name"), error_messages={"required": _("Give the team a name.")})


class SettingsForm(NewTeamForm):
    """The team's name, and what its requests mean that leave something open."""

    default_model = forms.ChoiceField(
        required=False,
        label=_("Default model"),
        help_text=_("Makes the videos of requests that name no model."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        sites = _("The site's (%(model)s)") % {"model": settings.DEFAULT_MODEL}
        choices = [("", sites), *((name, name) for name in settings.MODELS_ENABLED)]
        cast("forms.ChoiceField", self.fields["default_model"]).choices = choices

    @classmethod
    def of(cls, team: Team) -> "SettingsForm":
        """Filled in as the team is now."""
        return cls(initial={"name": team.name, "default_model": team.default_model})


class TeamDeletionForm(forms.Form):
    """The team's name, typed: nobody closes a team by a slip of the hand."""

    name = forms.CharField(label=_("Name of the team"))

    def __init__(self, *args: Any, team: Team, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._team = team

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if name != self._team.name.strip():
            raise forms.ValidationError(_("This is not the team's name."), code="other_name")
        return name


class _RoleForm(forms.Form):
    """Offers the roles that the person's own covers."""

    role = forms.TypedChoiceField(coerce=Role, label=_("Role"))

    def __init__(self, *args: Any, own_role: Role, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(role.value, role.label) for role in Role if own_role.covers(role)]
        cast("forms.TypedChoiceField", self.fields["role"]).choices = choices


class InviteForm(_RoleForm):
    """Whom to ask into the team, and for how long the question stands."""

    email = forms.EmailField(max_length=254, label=_("Email address"))
    days = forms.TypedChoiceField(
        coerce=int,
        required=False,
        empty_value=settings.INVITATION_MAX_AGE_DAYS,
        label=_("Can be accepted for"),
    )

    field_order = ("email", "role", "days")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        days = sorted({1, 7, 30, settings.INVITATION_MAX_AGE_DAYS})
        choices = [
            (number, _("1 day") if number == 1 else _("%(number)s days") % {"number": number}) for number in days
        ]
        cast("forms.TypedChoiceField", self.fields["days"]).choices = choices
        self.initial.setdefault("role", Role.MEMBER)
        self.initial.setdefault("days", settings.INVITATION_MAX_AGE_DAYS)


class MemberForm(_RoleForm):
    """A member's role and caps."""

    credits_per_month = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=_MAX_CAP,
        label=_("Credits a month"),
        help_text=_("Left empty, the team's own limit is the only one."),
    )
    videos_per_day = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=_MAX_CAP,
        label=_("Videos a day"),
        help_text=_("Left empty, the team's own limit is the only one."),
    )

    @classmethod
    def of(cls, member: Membership, own_role: Role) -> "MemberForm":
        """Filled in as the member stands now."""
        names = ("role", "credits_per_month", "videos_per_day")
        return cls(initial={name: getattr(member, name) for name in names}, own_role=own_role)
