"""The audit triggers, declared with pgtrigger; those of earlier releases are dropped in the same transaction."""

import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations

from accounts.audit.triggers import drop_former_triggers


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0002_trigger"),
        ("quota", "0007_verbose_names"),
    ]

    operations = [
        drop_former_triggers("quota_plan", "quota_planoverride", "quota_wallet"),
        pgtrigger.migrations.AddTrigger(
            model_name="plan",
            trigger=pgtrigger.compiler.Trigger(
                name="audit",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    execute="mutoscope_audit('quota.Plan', 'id', '', '', '')",
                    func="RETURN NULL;",
                    hash="916567c62a73f5383ed2b419771b3b6ce66da538",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_audit_3a712",
                    table="quota_plan",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="planoverride",
            trigger=pgtrigger.compiler.Trigger(
                name="audit",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    execute="mutoscope_audit('quota.PlanOverride', 'team_id', 'team_id', '', '')",
                    func="RETURN NULL;",
                    hash="6ce4163d654a8e9d74e65f4b2469c6180e1d41d1",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_audit_26e4e",
                    table="quota_planoverride",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="wallet",
            trigger=pgtrigger.compiler.Trigger(
                name="audit",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    execute="mutoscope_audit('quota.Wallet', 'team_id', 'team_id', 'balance,reserved,stored_bytes', '')",
                    func="RETURN NULL;",
                    hash="e933a5f79e5293cf911e7fdeb853a5e335a67368",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_audit_f1f54",
                    table="quota_wallet",
                    when="AFTER",
                ),
            ),
        ),
    ]
