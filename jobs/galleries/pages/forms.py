"""Forms of the gallery's pages."""

import re
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from jobs.galleries.models import LONGEST_CAPTION, LONGEST_TAG, MOST_TAGS, Collection

_BETWEEN_TAGS = re.compile(r"[,\uff0c\u3001\n]")  # the last two are the commas of Chinese
LIFETIMES = [
    ("", gettext_lazy("Until it is revoked")),
    ("1", gettext_lazy("For a day")),
    ("7", gettext_lazy("For a week")),
    ("30", gettext_lazy("For 30 days")),
]
SHORTEST_PASSWORD = 4


class PublicationForm(forms.Form):
    """What is said of a video in the gallery."""

    caption = forms.CharField(max_length=LONGEST_CAPTION, required=False, label=gettext_lazy("Caption"))
    tags = forms.CharField(max_length=MOST_TAGS * (LONGEST_TAG + 2), required=False, label=gettext_lazy("Tags"))
    is_public = forms.BooleanField(required=False)

    def clean_tags(self) -> list[str]:
        tags = [tag.strip() for tag in _BETWEEN_TAGS.split(self.cleaned_data["tags"]) if tag.strip()]
        if len(tags) > MOST_TAGS:
            raise ValidationError(_("Give at most %(most)s tags.") % {"most": MOST_TAGS})
        if any(len(tag) > LONGEST_TAG for tag in tags):
            raise ValidationError(_("A tag has at most %(most)s letters.") % {"most": LONGEST_TAG})
        return tags


class CollectionForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Collection
        fields = ("name", "description", "position")
        error_messages = {"name": {"required": gettext_lazy("Give the collection a name.")}}

    position = forms.IntegerField(min_value=0, max_value=10_000, required=False)

    def clean_position(self) -> int:
        return int(self.cleaned_data["position"] or 0)


class ShareForm(forms.Form):
    """How long a link works, and whether it asks for a password."""

    lifetime = forms.ChoiceField(choices=LIFETIMES, required=False, label=gettext_lazy("Works"))
    password = forms.CharField(
        min_length=SHORTEST_PASSWORD,
        max_length=128,
        required=False,
        strip=False,
        label=gettext_lazy("Password (optional)"),
    )

    def expires_at(self) -> datetime | None:
        """When the link ends; None for never."""
        days = self.cleaned_data["lifetime"]
        return timezone.now() + timedelta(days=int(days)) if days else None


def first_errors(form: forms.BaseForm) -> dict[str, Any]:
    """One complaint a field, for the page."""
    return {name: errors[0] for name, errors in form.errors.items()}
