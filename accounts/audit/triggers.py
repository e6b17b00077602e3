"""The trigger that records changes of a model. `Meta.triggers` of every audited model has one.

Models of other packages have theirs in a proxy (`accounts.audit.models`). This module imports no models, so that every
`models` module can import it.
"""

from typing import Any

import pgtrigger
from django.db import migrations, models


class AuditTrigger(pgtrigger.Trigger):
    """Writes a row of the audit log for each inserted, changed or deleted row.

    ignored: columns whose changes are not recorded. hidden: columns whose content is never stored.
    """

    when = pgtrigger.After
    operation = pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete
    # Never called: all audit triggers execute one function, which the migration `audit.0002` creates.
    func = "RETURN NULL;"

    def __init__(self, *, ignored: str = "", hidden: str = "") -> None:
        super().__init__(name="audit")
        self.ignored, self.hidden = frozenset(ignored.split()), frozenset(hidden.split())

    def render_execute(self, model: Any) -> str:
        """Return the call. Arguments: model, columns of its primary key and its team, ignored and hidden columns."""
        options: Any = model._meta.concrete_model._meta
        lists = (",".join(sorted(names)) for names in (self.ignored, self.hidden))
        arguments = (options.label, options.pk.column, _team_column(options), *lists)
        quoted = ", ".join(f"'{argument}'" for argument in arguments)
        return f"mutoscope_audit({quoted})"


def drop_former_triggers(*tables: str) -> migrations.RunSQL:
    """Drop the triggers that earlier releases created without pgtrigger.

    For the migration that adds the new ones: it locks the tables until it is committed, so that every change is
    recorded, by the former trigger or by the new one. Requests would queue behind a lock that waits for a dump or a
    report, so it gives up after some seconds: run the migration again then.
    """
    names = ", ".join(f"'{table}'" for table in tables)
    sql = f"""
SET LOCAL lock_timeout = '5s';
DO $$
DECLARE former record;
BEGIN
    FOR former IN
        SELECT t.tgname, c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE c.relnamespace = current_schema()::regnamespace
            AND t.tgname LIKE 'audit_watch_%' AND c.relname IN ({names})
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %I', former.tgname, former.relname);
    END LOOP;
END $$
"""  # noqa: S608 (the names are literals of the migrations)
    return migrations.RunSQL(sql, migrations.RunSQL.noop)


def _team_column(options: Any) -> str:
    """Return the column with the team of a row; "" for a model without a team."""
    if options.label == "accounts.Team":
        return "id"
    for field in options.concrete_fields:
        if field.name == "team" and isinstance(field, models.ForeignKey):
            return str(field.column)
    return ""
