"""The audit triggers, declared with pgtrigger; those of earlier releases are dropped in the same transaction."""

import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations

from accounts.audit.triggers import drop_former_triggers


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0002_trigger"),
        ("desk", "0002_verbose_names"),
    ]

    operations = [
        drop_former_triggers("desk_announcement"),
        pgtrigger.migrations.AddTrigger(
            model_name="announcement",
            trigger=pgtrigger.compiler.Trigger(
                name="audit",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    execute="mutoscope_audit('desk.Announcement', 'id', '', '', '')",
                    func="RETURN NULL;",
                    hash="961b8ab1bdc3b777be8710580ea309818dd157ce",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_audit_f2e1a",
                    table="desk_announcement",
                    when="AFTER",
                ),
            ),
        ),
    ]
