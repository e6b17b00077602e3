"""The names of the presets on pages."""

from django.utils.translation import gettext_lazy as _

PRESET_TITLES = {"fast": _("Fast"), "standard": _("Standard"), "high": _("High"), "batch": _("Batch")}
