"""Forms of the API key pages."""

import ipaddress
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, cast

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import ApiKey
from accounts.roles import Scope
from common.form_fields import NameField

EXPIRY_CHOICES = [
    ("30", _("In 30 days")),
    ("90", _("In 90 days")),
    ("365", _("In a year")),
    ("", _("Never")),
]
OVERLAP_CHOICES = [
    ("0", _("At once")),
    ("1", _("For an hour")),
    ("24", _("For a day")),
    ("168", _("For a week")),
    ("720", _("For 30 days")),
]
DEFAULT_SCOPES = [Scope.VIDEOS_READ, Scope.VIDEOS_WRITE, Scope.VIDEOS_DELETE]
_MAX_CAP = 2**31 - 1
_MAX_NETWORKS = 50
_MAX_LIFETIME = timedelta(days=3650)


class NetworksField(forms.CharField):
    """IP addresses and networks, one per line; empty: no restriction. Cleans to a list as `ipaddress` writes them."""

    widget = forms.Textarea

    def to_python(self, value: Any) -> list[str]:  # type: ignore[override]
        lines = str(value or "").replace(",", " ").split()
        if len(lines) > _MAX_NETWORKS:
            raise forms.ValidationError(_("At most %(most)s lines.") % {"most": _MAX_NETWORKS}, code="too_many")
        return list(dict.fromkeys(map(_parse_network, lines)))

    def prepare_value(self, value: Any) -> str:
        return "\n".join(value) if isinstance(value, list) else str(value or "")


def _parse_network(text: str) -> str:
    try:
        # A zone ("fe80::1%eth0") is valid only on one machine.
        network = ipaddress.ip_network(text.replace("%", "/%"), strict=False)
    except ValueError:
        message = _("“%(text)s” is not an IP address or network. Examples: 192.0.2.7, 192.0.2.0/24, 2001:db8::/32.")
        raise forms.ValidationError(message % {"text": text[:80]}, code="no_address") from None
    # Clients are compared by their IPv4 address if they have one.
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is not None and network.prefixlen >= 96:
        return str(ipaddress.ip_network(f"{mapped}/{network.prefixlen - 96}"))
    return str(network)


def _cap_field(label: Any) -> forms.IntegerField:
    return forms.IntegerField(label=label, min_value=0, max_value=_MAX_CAP, required=False)


class KeyForm(forms.Form):
    """Name and allowed networks of a key."""

    name = NameField(
        max_length=80,
        label=_("Name"),
        error_messages={"required": _("Give the key a name, such as the program that will use it.")},
    )
    allowed_networks = NetworksField(required=False, label=_("Allowed IP addresses"))


class CapsForm(forms.Form):
    """Caps of a key; if empty, only the limits of its creator and the team apply."""

    credits_per_month = _cap_field(_("Credits per month"))
    videos_per_day = _cap_field(_("Videos per day"))
    requests_per_minute = _cap_field(_("Requests per minute"))


class ManagedKeyForm(KeyForm, CapsForm):
    """For members who may set caps on keys."""

    @staticmethod
    def of(key: ApiKey) -> dict[str, Any]:
        """Return the key's current values."""
        return {name: getattr(key, name) for name in ManagedKeyForm.base_fields}


class NewKeyForm(KeyForm, CapsForm):
    """Name, scopes, allowed networks, caps and expiry of a new key."""

    scopes = forms.TypedMultipleChoiceField(
        coerce=Scope,
        label=_("What it may do"),
        error_messages={"required": _("Choose at least one.")},
    )
    expires = forms.ChoiceField(choices=EXPIRY_CHOICES, required=False, label=_("Expires"))
    expires_on = forms.DateField(required=False, label=_("Or after the day (UTC)"))

    def __init__(self, *args: Any, scopes: frozenset[Scope], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(scope.value, scope.label) for scope in Scope if scope in scopes]
        cast("forms.TypedMultipleChoiceField", self.fields["scopes"]).choices = choices

    def clean_expires_on(self) -> date | None:
        day: date | None = self.cleaned_data["expires_on"]
        today = timezone.now().date()
        if day is not None and not today <= day <= today + _MAX_LIFETIME:
            raise forms.ValidationError(_("Choose a day from today on, at most ten years away."), code="out_of_range")
        return day

    def expires_at(self) -> datetime | None:
        """Return when the key expires; None: never. An entered day takes precedence over the selected period."""
        if day := self.cleaned_data["expires_on"]:
            return datetime.combine(day + timedelta(days=1), time(), UTC)
        days = self.cleaned_data["expires"]
        return timezone.now() + timedelta(days=int(days)) if days else None


class RotateForm(forms.Form):
    """For how long the old key keeps working after rotation."""

    overlap = forms.TypedChoiceField(
        choices=OVERLAP_CHOICES, coerce=lambda hours: timedelta(hours=int(hours)), label=_("The old key keeps working")
    )
