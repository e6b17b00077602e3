"""Forms of the gallery's pages."""

import re
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from common.form_fields import NormalizedCharField
from jobs.galleries.models import MAX_CAPTION_LENGTH, MAX_TAG_LENGTH, MAX_TAGS, Collection

_TAG_SEPARATORS = re.compile(r"[,\uff0c\u3001\n]")  # the last two are the commas of Chinese
LIFETIMES = [
    ("", gettext_lazy("Until it is revoked")),
    ("1", gettext_lazy("For a day")),
    ("7", gettext_lazy("For a week")),
    ("30", gettext_lazy("For 30 days")),
]
MIN_PASSWORD_LENGTH = 4


class PublicationForm(forms.Form):
    """Caption, tags and visibility of a publication."""

    caption = NormalizedCharField(max_length=MAX_CAPTION_LENGTH, required=False, label=gettext_lazy("Caption"))
    tags = NormalizedCharField(max_length=MAX_TAGS * (MAX_TAG_LENGTH + 2), required=False, label=gettext_lazy("Tags"))
    is_public = forms.BooleanField(required=False)

    def clean_tags(self) -> list[str]:
        tags = [tag.strip() for tag in _TAG_SEPARATORS.split(self.cleaned_data["tags"]) if tag.strip()]
        if len(tags) > MAX_TAGS:
            raise ValidationError(_("Enter at most %(limit)s tags.") % {"limit": MAX_TAGS})
        if any(len(tag) > MAX_TAG_LENGTH for tag in tags):
            raise ValidationError(_("A tag can have at most %(limit)s characters.") % {"limit": MAX_TAG_LENGTH})
        return tags


class CollectionForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Collection
        fields = ("name", "description", "position")

    name = NormalizedCharField(
        max_length=80, error_messages={"required": gettext_lazy("Enter a name for the collection.")}
    )
    description = NormalizedCharField(max_length=500, required=False)
    position = forms.IntegerField(min_value=0, max_value=10_000, required=False)

    def clean_position(self) -> int:
        return int(self.cleaned_data["position"] or 0)


class ShareForm(forms.Form):
    """Lifetime of a share link, and its password."""

    lifetime = forms.ChoiceField(choices=LIFETIMES, required=False, label=gettext_lazy("Valid"))
    password = forms.CharField(
        min_length=MIN_PASSWORD_LENGTH,
        max_length=128,
        required=False,
        strip=False,
        label=gettext_lazy("Password (optional)"),
    )

    def expires_at(self) -> datetime | None:
        """Return when the link expires; None for never."""
        days = self.cleaned_data["lifetime"]
        return timezone.now() + timedelta(days=int(days)) if days else None


def first_errors(form: forms.BaseForm) -> dict[str, Any]:
    """Return one error per field, for the page."""
    return {name: errors[0] for name, errors in form.errors.items()}
