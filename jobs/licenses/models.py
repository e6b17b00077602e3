"""Accepted licences of models."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.audit.triggers import AuditTrigger
from accounts.models import User
from inference.models.descriptor import MAX_LICENSE_NAME_LENGTH, MAX_LICENSE_URL_LENGTH


class LicenseAcceptance(models.Model):
    """An administrator has accepted the licence of a model for this site. A changed name or URL is another licence."""

    model = models.CharField(_("model"), max_length=60)
    license_name = models.CharField(_("licence"), max_length=MAX_LICENSE_NAME_LENGTH)
    license_url = models.CharField(_("licence URL"), max_length=MAX_LICENSE_URL_LENGTH)
    # None after the account was deleted; the audit log keeps the person.
    accepted_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("accepted by")
    )
    accepted_at = models.DateTimeField(_("time of acceptance"), auto_now_add=True)

    objects: ClassVar[models.Manager["LicenseAcceptance"]] = models.Manager()

    class Meta:
        verbose_name = _("model licence")
        verbose_name_plural = _("model licences")
        default_permissions = ("add", "delete", "view")
        constraints = [
            models.UniqueConstraint(fields=["model", "license_name", "license_url"], name="license_accepted_once")
        ]
        triggers = [AuditTrigger()]

    def __str__(self) -> str:
        return f"{self.model}: {self.license_name}"
