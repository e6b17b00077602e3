"""Entries of the audit log as sentences. Only what is listed here is shown, so no secret can be exposed."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.audit.models import AuditEntry, Verb
from accounts.models import ApiKey, Invitation, Membership, User
from accounts.roles import Role
from accounts.teams import sharing_messages

MODEL_LABELS = {
    "accounts.Membership": gettext_lazy("Members"),
    "accounts.Invitation": gettext_lazy("Invitations"),
    "accounts.ApiKey": gettext_lazy("API keys"),
    "accounts.Team": gettext_lazy("Team"),
    "quota.Wallet": gettext_lazy("Plan"),
    "quota.PlanOverride": gettext_lazy("Limits"),
    **sharing_messages.SHARING_MODEL_LABELS,
}
MessageParams = dict[str, str]
# Stored entries keep the names that columns had when they were written.
_FORMER_COLUMNS = {"deletion_due_at": "closing_at", "deleted_at": "closed_at"}


@dataclass(frozen=True)
class EntryNames:
    """Names of the rows that entries are about, one query per kind. A row may have been deleted since."""

    user_of_membership: dict[str, int]
    people: dict[int, str]
    invitation_emails: dict[str, str]
    keys: dict[str, str]

    @classmethod
    def of(cls, entries: Sequence[AuditEntry]) -> "EntryNames":
        members = _user_ids_of_memberships(entries)
        user_ids = {*members.values(), *(entry.actor_id for entry in entries)}
        return cls(
            user_of_membership=members,
            people=dict(User.objects.filter(pk__in=user_ids - {None}).values_list("pk", "email")),
            invitation_emails=_names_of_rows(Invitation, "email", entries),
            keys=_names_of_rows(ApiKey, "name", entries),
        )

    def person(self, key: int | None) -> str:
        return self.people.get(key or 0) or _("a closed account")


def _row_ids(entries: Iterable[AuditEntry], label: str) -> set[str]:
    return {entry.row_id for entry in entries if entry.model == label}


def _names_of_rows(model: Any, column: str, entries: Iterable[AuditEntry]) -> dict[str, str]:
    rows = model.objects.filter(pk__in=_row_ids(entries, model._meta.label))
    return {str(key): name for key, name in rows.values_list("pk", column)}


def _user_ids_of_memberships(entries: Sequence[AuditEntry]) -> dict[str, int]:
    """Return the user ids of memberships; for deleted memberships from the log itself."""
    rows = _row_ids(entries, "accounts.Membership")
    user_ids = {str(key): user for key, user in Membership.objects.filter(pk__in=rows).values_list("pk", "user_id")}
    if deleted := rows - user_ids.keys():
        logged = AuditEntry.objects.for_team(entries[0].team).filter(
            model="accounts.Membership", row_id__in=deleted, verb__in=[Verb.INSERT, Verb.DELETE]
        )
        user_ids |= {entry.row_id: next(filter(None, entry.changes["user_id"])) for entry in logged}
    return user_ids


def messages_of_entry(entry: AuditEntry, names: EntryNames) -> list[str]:
    """Return what happened, as one or more sentences."""
    params = {"who": _actor_name(entry, names)}
    if entry.verb == Verb.KEY_REFUSED:
        params["key"] = names.keys.get(entry.row_id, "")
        return [_("The key “%(key)s” was rejected because the IP address is not allowed") % params]
    if entry.verb == Verb.IMPERSONATION_ACT:
        request = {name: str(new) for name, (_old, new) in entry.changes.items()}
        return [_("%(who)s sent the request %(method)s %(path)s") % {**params, **request}]
    build = _MESSAGE_BUILDERS.get(entry.model)
    messages = list(build(entry, names, params)) if build else []
    if sharing := sharing_messages.sharing_message(entry, params["who"]):
        messages.append(sharing)
    return messages or [
        _("%(who)s changed a detail: %(kind)s") % {**params, "kind": MODEL_LABELS.get(entry.model, entry.model)}
    ]


def _actor_name(entry: AuditEntry, names: EntryNames) -> str:
    if entry.actor_id is None:
        return _("The site")
    person = names.person(entry.actor_id)
    return _("An administrator as %(person)s") % {"person": person} if entry.impersonator_id else person


def _membership_messages(entry: AuditEntry, names: EntryNames, params: MessageParams) -> Iterator[str]:
    user = names.user_of_membership.get(entry.row_id)
    params["whom"], own = names.person(user), user == entry.actor_id
    if entry.verb == Verb.INSERT:
        params["role"] = _role_label(entry.changes["role"][1])
        yield (_("%(who)s joined as %(role)s") if own else _("%(who)s added %(whom)s as %(role)s")) % params
    elif entry.verb == Verb.DELETE:
        yield (_("%(who)s left the team") if own else _("%(who)s removed %(whom)s from the team")) % params
    else:
        yield from _membership_change_messages(entry, params)


def _membership_change_messages(entry: AuditEntry, params: MessageParams) -> Iterator[str]:
    changes = entry.changes
    if "role" in changes:
        roles = {"old": _role_label(changes["role"][0]), "new": _role_label(changes["role"][1])}
        yield _("%(who)s changed the role of %(whom)s from %(old)s to %(new)s") % {**params, **roles}
    if "credits_per_month" in changes:
        caps = _old_and_new_cap(changes["credits_per_month"])
        yield _("%(who)s changed the credits per month of %(whom)s from %(old)s to %(new)s") % {**params, **caps}
    if "videos_per_day" in changes:
        caps = _old_and_new_cap(changes["videos_per_day"])
        yield _("%(who)s changed the videos per day of %(whom)s from %(old)s to %(new)s") % {**params, **caps}


def _invitation_messages(entry: AuditEntry, names: EntryNames, params: MessageParams) -> Iterator[str]:
    params["email"] = names.invitation_emails.get(entry.row_id) or _("an unknown person")
    if entry.verb == Verb.INSERT:
        params["role"] = _role_label(entry.changes["role"][1])
        yield _("%(who)s invited %(email)s as %(role)s") % params
    elif "accepted_at" in entry.changes:
        yield _("%(who)s accepted the invitation for %(email)s") % params
    elif "revoked_at" in entry.changes:
        yield _("%(who)s withdrew the invitation for %(email)s") % params
    elif "secret_sha256" in entry.changes:
        yield _("%(who)s sent the invitation for %(email)s again") % params


def _api_key_messages(entry: AuditEntry, names: EntryNames, params: MessageParams) -> Iterator[str]:
    params["key"] = names.keys.get(entry.row_id, "")
    if entry.verb == Verb.INSERT:
        yield _("%(who)s created the key “%(key)s”") % params
    elif "revoked_at" in entry.changes:
        yield _("%(who)s revoked the key “%(key)s”") % params
    else:
        yield _("%(who)s changed the key “%(key)s”") % params


def _team_messages(entry: AuditEntry, names: EntryNames, params: MessageParams) -> Iterator[str]:
    changes = entry.changes
    if entry.verb == Verb.INSERT:
        yield _("%(who)s created the team") % params
        return
    if "name" in changes:
        yield _("%(who)s renamed the team from “%(old)s” to “%(new)s”") % {**params, **_old_and_new(changes["name"])}
    if "default_model" in changes:
        yield _("%(who)s changed the default model") % params
    due = _change(changes, "deletion_due_at")
    if due and not _change(changes, "deleted_at"):
        yield (
            _("%(who)s scheduled the deletion of the team")
            if due[1]
            else _("%(who)s canceled the deletion of the team")
        ) % params


def _wallet_messages(entry: AuditEntry, names: EntryNames, params: MessageParams) -> Iterator[str]:
    if "plan_id" in entry.changes and entry.verb == Verb.UPDATE:
        yield _("%(who)s changed the plan of the team") % params


def _change(changes: dict[str, Any], column: str) -> Any:
    """Return [old, new] of a column; None if it did not change. Old entries have the column's former name."""
    return changes.get(column) or changes.get(_FORMER_COLUMNS[column])


def _role_label(value: Any) -> str:
    return str(Role(value).label) if value in Role.values else str(value)


def _old_and_new(change: Any) -> MessageParams:
    return {"old": str(change[0]), "new": str(change[1])}


def _old_and_new_cap(change: Any) -> MessageParams:
    old, new = (_("no cap") if value is None else str(value) for value in change)
    return {"old": old, "new": new}


_MESSAGE_BUILDERS: dict[str, Callable[[AuditEntry, EntryNames, MessageParams], Iterator[str]]] = {
    "accounts.Membership": _membership_messages,
    "accounts.Invitation": _invitation_messages,
    "accounts.ApiKey": _api_key_messages,
    "accounts.Team": _team_messages,
    "quota.Wallet": _wallet_messages,
}
