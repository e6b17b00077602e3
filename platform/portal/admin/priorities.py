"""Translated labels of the priorities; `Priority.label` is the name that the API uses and plans store."""

from django.utils.translation import gettext_lazy as _

from jobs.models import Priority

PRIORITY_LABELS = {Priority.LOW: _("low"), Priority.NORMAL: _("normal"), Priority.HIGH: _("high")}
