"""Administrators accept licences of models and withdraw the acceptance; the audit log has both."""

from collections.abc import Callable

from accounts.audit.models import AuditEntry, Verb
from inference.models.descriptor import ModelDescriptor
from jobs.licenses.models import LicenseAcceptance
from tests.support.people import Person

PAGE = "/admin/licenses/licenseacceptance/"
ACCEPT, WITHDRAW = f"{PAGE}licensed/accept/", f"{PAGE}licensed/withdraw/"
LICENSE = {"license_name": "Community", "license_url": "https://licenses.example/1"}
Offer = Callable[..., ModelDescriptor]


def entries(verb: Verb) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(model=LicenseAcceptance._meta.label, verb=verb))


def test_a_licence_is_accepted_once_and_withdrawn(licensed_model: Offer, adele: Person) -> None:
    licensed_model()
    page = adele.get(PAGE).content.decode()
    assert 'href="https://licenses.example/1"' in page
    assert "Not accepted" in page
    for _ in range(2):
        assert adele.post(ACCEPT, LICENSE)["Location"] == PAGE
    row = LicenseAcceptance.objects.get()
    assert (row.model, row.license_name, row.accepted_by) == ("licensed", "Community", adele.user)
    assert "Accepted by adele@example.com" in adele.get(PAGE).content.decode()
    (added,) = entries(Verb.INSERT)
    assert (added.actor, added.changes["license_url"]) == (adele.user, [None, LICENSE["license_url"]])
    adele.post(WITHDRAW)
    assert not LicenseAcceptance.objects.exists()
    assert [entry.actor for entry in entries(Verb.DELETE)] == [adele.user]


def test_a_licence_that_has_changed_meanwhile_is_not_accepted(licensed_model: Offer, adele: Person) -> None:
    licensed_model(url="https://licenses.example/2")
    adele.post(ACCEPT, LICENSE)
    assert not LicenseAcceptance.objects.exists()
    assert "has changed. Read it" in adele.get(PAGE).content.decode()


def test_only_models_whose_licence_needs_it_can_be_accepted(licensed_model: Offer, adele: Person) -> None:
    licensed_model()
    for model in ("camera", "nothing"):
        assert adele.post(f"{PAGE}{model}/accept/", LICENSE).status_code == 404


def test_each_act_needs_its_permission(licensed_model: Offer, make_staff: Callable[..., Person]) -> None:
    licensed_model()
    reader = make_staff("reader@example.com", "licenses.view_licenseacceptance")
    stranger = make_staff("stranger@example.com", "jobs.view_job")
    assert ACCEPT not in reader.get(PAGE).content.decode()
    assert [reader.post(url, LICENSE).status_code for url in (ACCEPT, WITHDRAW)] == [403, 403]
    assert stranger.get(PAGE).status_code == 403
