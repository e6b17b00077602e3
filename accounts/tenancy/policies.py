"""Row-level security as a second protection: a query without a team filter still returns no other team's rows.

`sync_policies` runs after each `migrate` and creates the role, grants and policies that are declared here. The policies
apply only to the tenant role, which a request assumes once its team is known, and not to the owner of the tables
(workers, commands, the administration). They protect against mistakes in views, not against SQL injection: arbitrary
SQL can also reset the role.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from django.apps import apps
from django.conf import settings
from django.db import connections, models, transaction
from psycopg import sql

from accounts.models import Team
from accounts.tenancy.role import ensure_role

# Tables with a team but without a policy, and why.
EXEMPT_MODELS = {
    "accounts.Membership": "read before the team is known, and by the list of a person's teams",
}
# Tables whose rows belong to a team through a parent row: visible if the row in this column is visible.
PARENT_FIELDS = {
    "jobs.JobEvent": "job",
    "jobs.Rendition": "job",
    "webhooks.DeliveryAttempt": "delivery",
}
_OWN_TEAM_EXPRESSION = "team_id = (SELECT NULLIF(current_setting('mutoscope.team', true), '')::bigint)"

_EXISTING_POLICIES = (
    "SELECT tablename, policyname FROM pg_policies WHERE schemaname = current_schema() AND roles = ARRAY[%s]::name[]"
)


@dataclass(frozen=True)
class RowPolicy:
    """A policy of a table. Its name has a digest of role and expression, so that a change of either replaces it."""

    table: str
    expression: str

    @property
    def name(self) -> str:
        definition = f"{settings.TENANT_ROLE}: {self.expression}"
        return f"team_policy_{hashlib.sha256(definition.encode()).hexdigest()[:12]}"


def team_column(model: type[models.Model]) -> str | None:
    """Return the column with the team of a row, or None."""
    columns = (
        field.column
        for field in model._meta.concrete_fields
        if isinstance(field, models.ForeignKey) and field.remote_field.model is Team and field.name == "team"
    )
    return next(columns, None)


def row_policies() -> Iterator[RowPolicy]:
    """Yield the policy of each table that belongs to a team. Models that are added later are included automatically."""
    for model in apps.get_models(include_auto_created=True):
        label, table = model._meta.label, model._meta.db_table
        if not model._meta.managed or model._meta.proxy or label in EXEMPT_MODELS:
            continue
        if label in PARENT_FIELDS:
            field = model._meta.get_field(PARENT_FIELDS[label])
            parent = field.remote_field.model._meta  # type: ignore[union-attr]
            # The parent's own policy applies in this subquery, too.
            expression = (
                f"EXISTS (SELECT 1 FROM {parent.db_table} p WHERE p.{parent.pk.column} = {table}.{field.column})"  # type: ignore[union-attr] # noqa: S608
            )
            yield RowPolicy(table, expression)
        elif team_column(model):
            yield RowPolicy(table, _OWN_TEAM_EXPRESSION)


def sync_policies(using: str, **_: object) -> None:
    """Receive `post_migrate` and synchronize the policies. Changes nothing if they are up to date.

    Every policy of the tenant role is declared here: others, such as those of earlier releases, are dropped.
    """
    connection = connections[using]
    role = settings.TENANT_ROLE
    with connection.cursor() as cursor:
        ensure_role(cursor, role)
        cursor.execute(_EXISTING_POLICIES, [role])
        existing: set[tuple[str, str]] = set(cursor.fetchall())
        declared = {(policy.table, policy.name): policy for policy in row_policies()}
        with transaction.atomic(using=using):
            for table, name in sorted(existing - declared.keys()):
                cursor.execute(_compose("DROP POLICY {} ON {}", name, table))
            for key in sorted(declared.keys() - existing):
                policy = declared[key]
                cursor.execute(_compose("ALTER TABLE {} ENABLE ROW LEVEL SECURITY", policy.table))
                create_policy = _compose("CREATE POLICY {} ON {} TO {}", policy.name, policy.table, role)
                expression = sql.SQL(policy.expression)
                cursor.execute(sql.SQL("{} USING ({}) WITH CHECK ({})").format(create_policy, expression, expression))


def _compose(template: str, *names: str) -> sql.Composed:
    return sql.SQL(template).format(*map(sql.Identifier, names))
