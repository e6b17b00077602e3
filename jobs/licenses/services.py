"""Accept the licence of a model, and withdraw the acceptance. Videos that are queued already are still made."""

from accounts.models import User
from common.errors import Conflict
from inference.models.descriptor import ModelDescriptor
from jobs.licenses.models import LicenseAcceptance


def accept_license(descriptor: ModelDescriptor, *, user: User, name: str, url: str) -> None:
    """Accept the licence of a model for everybody on this site. If it is accepted already, nothing changes.

    name, url: the licence that the administrator has read. Raise Conflict if the model has another one by now.
    """
    if (name, url) != (descriptor.license.name, descriptor.license.url):
        raise Conflict(
            "The licence of %(model)s has changed. Read it, then accept it.",
            {"model": descriptor.name},
            code="license_changed",
        )
    LicenseAcceptance.objects.get_or_create(
        model=descriptor.name, license_name=name, license_url=url, defaults={"accepted_by": user}
    )


def withdraw_acceptances(descriptor: ModelDescriptor) -> None:
    """Withdraw the acceptance of a model's licence, and those of its earlier licences."""
    LicenseAcceptance.objects.filter(model=descriptor.name).delete()
