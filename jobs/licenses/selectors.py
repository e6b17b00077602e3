"""Which models may be used: those whose licence needs no acceptance, or has been accepted."""

from collections.abc import Collection

from common.errors import InvalidField, MutoscopeError, invalid_field
from inference.models.descriptor import ModelDescriptor
from jobs.licenses.models import LicenseAcceptance


class LicenseNotAccepted(InvalidField):
    """The licence of the model needs an administrator's acceptance."""

    default_code = "license_not_accepted"


def current_acceptances(descriptors: Collection[ModelDescriptor]) -> dict[str, LicenseAcceptance]:
    """Return the acceptances of the present licences by model. Queries only if a licence needs to be accepted."""
    licenses = {each.name: each.license for each in descriptors if each.license.requires_acceptance}
    if not licenses:
        return {}
    rows = LicenseAcceptance.objects.filter(model__in=licenses).select_related("accepted_by")
    return {
        row.model: row
        for row in rows
        if (row.license_name, row.license_url) == (licenses[row.model].name, licenses[row.model].url)
    }


def usable_models(descriptors: Collection[ModelDescriptor]) -> list[ModelDescriptor]:
    """Return those models that may be used."""
    accepted = current_acceptances(descriptors)
    return [each for each in descriptors if not each.license.requires_acceptance or each.name in accepted]


def find_licensed_model(descriptors: Collection[ModelDescriptor], name: str) -> ModelDescriptor | None:
    """Return the model of that name whose licence has to be accepted."""
    licensed = (each for each in descriptors if each.license.requires_acceptance)
    return next((each for each in licensed if each.name == name), None)


def check_license(descriptor: ModelDescriptor) -> None:
    """Raise LicenseNotAccepted if the model may not be used."""
    if not usable_models([descriptor]):
        raise not_accepted(descriptor)


def not_accepted(descriptor: ModelDescriptor) -> MutoscopeError:
    """Return the error for a model that may not be used."""
    return invalid_field(
        "model",
        "%(model)s cannot be used yet: an administrator of this site has to accept its licence (%(license)s) in the "
        "administration, under Model licences.",
        {"model": descriptor.name, "license": descriptor.license.name},
        code=LicenseNotAccepted.default_code,
        family=LicenseNotAccepted,
    )
