"""The second wall: row-level security, so that a forgotten filter still shows no other team's row.

`raise_walls` runs after each `migrate` and brings role, grants and policies to what is declared here. Rows are walled
for the tenant role alone, which a request takes on once its team is known; the tables' owner (workers, commands, the
administrator's desk) is not subject to it. It guards against mistakes in views, not against SQL injection: who may
send any statement may also leave the role.
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

# Tables with a team that are not walled, and why.
EXEMPT_MODELS = {
    "accounts.Membership": "read before the team is known, and by the list of a person's teams",
}
# Tables whose rows belong to a team through the row that this column names: seen where that row is seen.
PARENT_FIELDS = {
    "jobs.JobEvent": "job",
    "jobs.Rendition": "job",
    "webhooks.DeliveryAttempt": "delivery",
}
_OWN_TEAM_EXPRESSION = "team_id = (SELECT NULLIF(current_setting('mutoscope.team', true), '')::bigint)"


@dataclass(frozen=True)
class RowPolicy:
    """A policy of a table. Its name holds a digest of its rule, so that a changed rule replaces it."""

    table: str
    expression: str

    @property
    def name(self) -> str:
        return f"team_wall_{hashlib.sha256(self.expression.encode()).hexdigest()[:12]}"


def team_column(model: type[models.Model]) -> str | None:
    """The column by which a row names its team, or None."""
    found = (
        field.column
        for field in model._meta.concrete_fields
        if isinstance(field, models.ForeignKey) and field.remote_field.model is Team and field.name == "team"
    )
    return next(found, None)


def row_policies() -> Iterator[RowPolicy]:
    """One for each table that belongs to a team, those of models that are added later included."""
    for model in apps.get_models(include_auto_created=True):
        label, table = model._meta.label, model._meta.db_table
        if not model._meta.managed or model._meta.proxy or label in EXEMPT_MODELS:
            continue
        if label in PARENT_FIELDS:
            field = model._meta.get_field(PARENT_FIELDS[label])
            parent = field.remote_field.model._meta  # type: ignore[union-attr]
            # The parent's own wall hides other teams' rows from this look, too.
            expression = (
                f"EXISTS (SELECT 1 FROM {parent.db_table} p WHERE p.{parent.pk.column} = {table}.{field.column})"  # type: ignore[union-attr] # noqa: S608
            )
            yield RowPolicy(table, expression)
        elif team_column(model):
            yield RowPolicy(table, _OWN_TEAM_EXPRESSION)


def sync_policies(using: str, **_: object) -> None:
    """Receives `post_migrate`. Changes nothing where all is as declared; runs often, in tests after each flush."""
    connection = connections[using]
    role = settings.TENANT_ROLE
    with connection.cursor() as cursor:
        ensure_role(cursor, role)
        cursor.execute("SELECT tablename, policyname FROM pg_policies WHERE schemaname = current_schema()")
        existing: set[tuple[str, str]] = set(cursor.fetchall())
        declared = {(wall.table, wall.name): wall for wall in row_policies()}
        with transaction.atomic(using=using):
            for table, name in sorted(existing - declared.keys()):
                if name.startswith("team_wall_"):
                    cursor.execute(_compose("DROP POLICY {} ON {}", name, table))
            for key in sorted(declared.keys() - existing):
                wall = declared[key]
                cursor.execute(_compose("ALTER TABLE {} ENABLE ROW LEVEL SECURITY", wall.table))
                policy = _compose("CREATE POLICY {} ON {} TO {}", wall.name, wall.table, role)
                expression = sql.SQL(wall.expression)
                cursor.execute(sql.SQL("{} USING ({}) WITH CHECK ({})").format(policy, expression, expression))


def _compose(template: str, *names: str) -> sql.Composed:
    return sql.SQL(template).format(*map(sql.Identifier, names))
