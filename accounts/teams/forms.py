"""Forms of the team pages."""

from typing import Any, cast

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from accounts.fields import EmailAddressField
from accounts.models import Membership, Team
from accounts.roles import Role
from common.form_fields import NameField
from common.text import normalize_text, single_line

_MAX_CAP = 2**31 - 1


class NewTeamForm(forms.Form):
    """The name of a new team."""

    name = NameField(max_length=120, label=_("Name"), error_messages={"required": _("Give the team a name.")})


class SettingsForm(NewTeamForm):
    """The team's name, and the model for requests that do not name one."""

    default_model = forms.ChoiceField(
        required=False,
        label=_("Default model"),
        help_text=_("Used for requests that do not name a model."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        site_default = _("The site's (%(model)s)") % {"model": settings.DEFAULT_MODEL}
        choices = [("", site_default), *((name, name) for name in settings.MODELS_ENABLED)]
        cast("forms.ChoiceField", self.fields["default_model"]).choices = choices

    @classmethod
    def of(cls, team: Team) -> "SettingsForm":
        """Return the form with the team's current values."""
        return cls(initial={"name": team.name, "default_model": team.default_model})


class TeamDeletionForm(forms.Form):
    """Asks for the team's name, so that no team is deleted by accident."""

    name = NameField(label=_("Name of the team"))

    def __init__(self, *args: Any, team: Team, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._team = team

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if name != single_line(normalize_text(self._team.name)):
            raise forms.ValidationError(_("This is not the team's name."), code="other_name")
        return name


class _RoleForm(forms.Form):
    """Offers the roles that the user's own role covers."""

    role = forms.TypedChoiceField(coerce=Role, label=_("Role"))

    def __init__(self, *args: Any, own_role: Role, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(role.value, role.label) for role in Role if own_role.covers(role)]
        cast("forms.TypedChoiceField", self.fields["role"]).choices = choices


class InviteForm(_RoleForm):
    """Email address, role and days of validity of an invitation."""

    email = EmailAddressField(max_length=254, label=_("Email address"))
    days = forms.TypedChoiceField(
        coerce=int,
        required=False,
        empty_value=settings.INVITATION_MAX_AGE_DAYS,  # type: ignore[arg-type]  # the stubs allow only texts
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
        label=_("Credits per month"),
        help_text=_("If empty, only the team's own limit applies."),
    )
    videos_per_day = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=_MAX_CAP,
        label=_("Videos per day"),
        help_text=_("If empty, only the team's own limit applies."),
    )

    @classmethod
    def of(cls, member: Membership, own_role: Role) -> "MemberForm":
        """Return the form with the member's current values."""
        names = ("role", "credits_per_month", "videos_per_day")
        return cls(initial={name: getattr(member, name) for name in names}, own_role=own_role)
