"""What an entry of the audit log means, in sentences. Only what is named here is shown: no secret can slip in."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.audit.models import AuditEntry, Verb
from accounts.models import ApiKey, Invitation, Membership, User
from accounts.roles import Role
from accounts.teams import log_shown

KINDS = {
    "accounts.Membership": gettext_lazy("Members"),
    "accounts.Invitation": gettext_lazy("Invitations"),
    "accounts.ApiKey": gettext_lazy("API keys"),
    "accounts.Team": gettext_lazy("Team"),
    "quota.Wallet": gettext_lazy("Plan"),
    "quota.PlanOverride": gettext_lazy("Limits"),
    **log_shown.KINDS,
}
Words = dict[str, str]


@dataclass(frozen=True)
class Names:
    """What the rows of some entries are called, each kind in one query. The log outlives its rows."""

    member_of_row: dict[str, int]
    people: dict[int, str]
    invited: dict[str, str]
    keys: dict[str, str]

    @classmethod
    def of(cls, entries: Sequence[AuditEntry]) -> "Names":
        members = _members(entries)
        wanted = {*members.values(), *(entry.actor_id for entry in entries)}
        return cls(
            member_of_row=members,
            people=dict(User.objects.filter(pk__in=wanted - {None}).values_list("pk", "email")),
            invited=_named(Invitation, "email", entries),
            keys=_named(ApiKey, "name", entries),
        )

    def person(self, key: int | None) -> str:
        return self.people.get(key or 0) or _("somebody whose account is closed")


def _rows(entries: Iterable[AuditEntry], label: str) -> set[str]:
    return {entry.row_id for entry in entries if entry.model == label}


def _named(model: Any, column: str, entries: Iterable[AuditEntry]) -> dict[str, str]:
    rows = model.objects.filter(pk__in=_rows(entries, model._meta.label))
    return {str(key): name for key, name in rows.values_list("pk", column)}


def _members(entries: Sequence[AuditEntry]) -> dict[str, int]:
    """Memberships' persons; of those that ended, as the log itself says."""
    rows = _rows(entries, "accounts.Membership")
    found = {str(key): user for key, user in Membership.objects.filter(pk__in=rows).values_list("pk", "user_id")}
    if ended := rows - found.keys():
        ends = AuditEntry.objects.for_team(entries[0].team).filter(
            model="accounts.Membership", row_id__in=ended, verb__in=[Verb.INSERT, Verb.DELETE]
        )
        found |= {entry.row_id: next(filter(None, entry.changes["user_id"])) for entry in ends}
    return found


def sentences(entry: AuditEntry, names: Names) -> list[str]:
    """What happened; at least one sentence."""
    words = {"who": _who(entry, names)}
    if entry.verb == Verb.KEY_REFUSED:
        words["key"] = names.keys.get(entry.row_id, "")
        return [_("The key “%(key)s” was refused: its list does not have this address") % words]
    say = _SAY.get(entry.model)
    said = list(say(entry, names, words)) if say else []
    if shown := log_shown.sentence_about_showing(entry, words["who"]):
        said.append(shown)
    return said or [_("%(who)s changed a detail: %(kind)s") % {**words, "kind": KINDS.get(entry.model, entry.model)}]


def _who(entry: AuditEntry, names: Names) -> str:
    if entry.actor_id is None:
        return _("The site")
    person = names.person(entry.actor_id)
    return _("An administrator as %(person)s") % {"person": person} if entry.impersonator_id else person


def _membership(entry: AuditEntry, names: Names, words: Words) -> Iterator[str]:
    user = names.member_of_row.get(entry.row_id)
    words["whom"], own = names.person(user), user == entry.actor_id
    if entry.verb == Verb.INSERT:
        words["role"] = _role(entry.changes["role"][1])
        yield (_("%(who)s joined as %(role)s") if own else _("%(who)s added %(whom)s as %(role)s")) % words
    elif entry.verb == Verb.DELETE:
        yield (_("%(who)s left the team") if own else _("%(who)s removed %(whom)s from the team")) % words
    else:
        yield from _membership_changes(entry, words)


def _membership_changes(entry: AuditEntry, words: Words) -> Iterator[str]:
    changes = entry.changes
    if "role" in changes:
        roles = {"old": _role(changes["role"][0]), "new": _role(changes["role"][1])}
        yield _("%(who)s changed the role of %(whom)s from %(old)s to %(new)s") % {**words, **roles}
    if "credits_per_month" in changes:
        caps = _caps(changes["credits_per_month"])
        yield _("%(who)s changed the credits a month of %(whom)s from %(old)s to %(new)s") % {**words, **caps}
    if "videos_per_day" in changes:
        caps = _caps(changes["videos_per_day"])
        yield _("%(who)s changed the videos a day of %(whom)s from %(old)s to %(new)s") % {**words, **caps}


def _invitation(entry: AuditEntry, names: Names, words: Words) -> Iterator[str]:
    words["email"] = names.invited.get(entry.row_id) or _("somebody")
    if entry.verb == Verb.INSERT:
        words["role"] = _role(entry.changes["role"][1])
        yield _("%(who)s invited %(email)s as %(role)s") % words
    elif "accepted_at" in entry.changes:
        yield _("%(who)s accepted the invitation of %(email)s") % words
    elif "revoked_at" in entry.changes:
        yield _("%(who)s withdrew the invitation of %(email)s") % words
    elif "secret_sha256" in entry.changes:
        yield _("%(who)s sent the invitation of %(email)s again") % words


def _api_key(entry: AuditEntry, names: Names, words: Words) -> Iterator[str]:
    words["key"] = names.keys.get(entry.row_id, "")
    if entry.verb == Verb.INSERT:
        yield _("%(who)s made the key “%(key)s”") % words
    elif "revoked_at" in entry.changes:
        yield _("%(who)s revoked the key “%(key)s”") % words
    else:
        yield _("%(who)s changed the key “%(key)s”") % words


def _team(entry: AuditEntry, names: Names, words: Words) -> Iterator[str]:
    changes = entry.changes
    if entry.verb == Verb.INSERT:
        yield _("%(who)s made the team") % words
        return
    if "name" in changes:
        yield _("%(who)s renamed the team from “%(old)s” to “%(new)s”") % {**words, **_pair(changes["name"])}
    if "default_model" in changes:
        yield _("%(who)s changed the default model") % words
    if "closing_at" in changes and "closed_at" not in changes:
        ends = changes["closing_at"][1]
        yield (_("%(who)s asked for the team to be closed") if ends else _("%(who)s kept the team")) % words


def _wallet(entry: AuditEntry, names: Names, words: Words) -> Iterator[str]:
    if "plan_id" in entry.changes and entry.verb == Verb.UPDATE:
        yield _("%(who)s moved the team to another plan") % words


def _role(value: Any) -> str:
    return str(Role(value).label) if value in Role.values else str(value)


def _pair(change: Any) -> Words:
    return {"old": str(change[0]), "new": str(change[1])}


def _caps(change: Any) -> Words:
    old, new = (_("no cap") if value is None else str(value) for value in change)
    return {"old": old, "new": new}


_SAY: dict[str, Callable[[AuditEntry, Names, Words], Iterator[str]]] = {
    "accounts.Membership": _membership,
    "accounts.Invitation": _invitation,
    "accounts.ApiKey": _api_key,
    "accounts.Team": _team,
    "quota.Wallet": _wallet,
}
