"""The audit triggers, declared with pgtrigger; those of earlier releases are dropped in the same transaction."""

import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations

from accounts.audit.triggers import drop_former_triggers


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0002_trigger"),
        ("webhooks", "0007_disabled_reason_labels"),
    ]

    operations = [
        drop_former_triggers("webhooks_endpoint"),
        pgtrigger.migrations.AddTrigger(
            model_name="endpoint",
            trigger=pgtrigger.compiler.Trigger(
                name="audit",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    execute="mutoscope_audit('webhooks.Endpoint', 'id', 'team_id', 'failing_since', 'former_secret,secret')",
                    func="RETURN NULL;",
                    hash="7245db8d00b242b23b44802753537dbe50fb2255",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_audit_566ad",
                    table="webhooks_endpoint",
                    when="AFTER",
                ),
            ),
        ),
    ]
