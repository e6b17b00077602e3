"""The audited models and their triggers; `migrate` synchronizes the database with this declaration."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from django.apps import apps
from django.db import connections, models, transaction
from psycopg import sql

from accounts.models import Team
from accounts.tenancy.policies import team_column


@dataclass(frozen=True)
class AuditOptions:
    """Columns of a model whose changes are not recorded, and columns whose content is never stored."""

    ignored: frozenset[str] = field(default_factory=frozenset)
    hidden: frozenset[str] = field(default_factory=frozenset)


def _audit_options(*, ignored: str = "", hidden: str = "") -> AuditOptions:
    return AuditOptions(frozenset(ignored.split()), frozenset(hidden.split()))


AUDITED_MODELS = {
    "accounts.User": _audit_options(ignored="last_login", hidden="password"),
    "accounts.Team": _audit_options(),
    "accounts.Membership": _audit_options(),
    "accounts.Invitation": _audit_options(hidden="secret_sha256"),
    "accounts.ApiKey": _audit_options(ignored="last_used_at last_used_ip", hidden="secret_sha256"),
    "quota.Plan": _audit_options(),
    "quota.PlanOverride": _audit_options(),
    "quota.Wallet": _audit_options(ignored="balance reserved stored_bytes"),  # recorded by ledger and usage
    "webhooks.Endpoint": _audit_options(ignored="failing_since", hidden="secret former_secret"),
    "galleries.ShareLink": _audit_options(ignored="view_count", hidden="token password"),
    "galleries.Publication": _audit_options(ignored="search_text"),
    "galleries.Collection": _audit_options(),
    "galleries.PublicPage": _audit_options(),
    "account.EmailAddress": _audit_options(),
    "accounts.User_groups": _audit_options(),
    "auth.Group": _audit_options(),
    "auth.Group_permissions": _audit_options(),
    "desk.Announcement": _audit_options(),
    # Heartbeats every few seconds are not recorded; a drain request is.
    "jobs.Worker": _audit_options(
        ignored="state last_error last_error_params device device_name vram_total_mb vram_free_mb jobs_done "
        "seconds_per_credit last_heartbeat_at"
    ),
    "mfa.Authenticator": _audit_options(ignored="last_used_at", hidden="data"),
    "socialaccount.SocialAccount": _audit_options(ignored="last_login", hidden="extra_data"),
}
# A column whose name matches must be listed as hidden.
SECRET_COLUMN_PATTERN = re.compile(r"password|secret|token|sha256|hash", re.IGNORECASE)

_EXISTING_TRIGGERS = """
SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE c.relnamespace = current_schema()::regnamespace AND t.tgname LIKE 'audit_watch_%'
"""


@dataclass(frozen=True)
class Trigger:
    """The trigger of a table. Its name has a digest of its arguments, so that a changed declaration replaces it."""

    table: str
    arguments: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"audit_watch_{hashlib.sha256(repr(self.arguments).encode()).hexdigest()[:12]}"


def triggers() -> Iterator[Trigger]:
    """Yield the triggers. Arguments: model, columns of its primary key and its team, ignored and hidden columns."""
    for label, options in AUDITED_MODELS.items():
        model = apps.get_model(label)
        columns = (_key_column(model), "id" if model is Team else team_column(model) or "")
        lists = (",".join(sorted(names)) for names in (options.ignored, options.hidden))
        yield Trigger(model._meta.db_table, (label, *columns, *lists))


def _key_column(model: type[models.Model]) -> str:
    return model._meta.pk.column


def sync_triggers(using: str, **_: object) -> None:
    """Receive `post_migrate` and synchronize the triggers. Changes nothing if they are up to date."""
    with connections[using].cursor() as cursor:
        cursor.execute(_EXISTING_TRIGGERS.replace("%", "%%"), [])
        existing: set[tuple[str, str]] = set(cursor.fetchall())
        declared = {(trigger.table, trigger.name): trigger for trigger in triggers()}
        with transaction.atomic(using=using):
            for table, name in sorted(existing - declared.keys()):
                cursor.execute(sql.SQL("DROP TRIGGER {} ON {}").format(sql.Identifier(name), sql.Identifier(table)))
            for key in sorted(declared.keys() - existing):
                cursor.execute(_create_trigger(declared[key]))


def _create_trigger(trigger: Trigger) -> sql.Composed:
    return sql.SQL(
        "CREATE TRIGGER {} AFTER INSERT OR UPDATE OR DELETE ON {} FOR EACH ROW EXECUTE FUNCTION mutoscope_audit({})"
    ).format(
        sql.Identifier(trigger.name),
        sql.Identifier(trigger.table),
        sql.SQL(", ").join(map(sql.Literal, trigger.arguments)),
    )
