"""The audit triggers, declared with pgtrigger; those of earlier releases are dropped in the same transaction."""

import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations

from accounts.audit.triggers import drop_former_triggers


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0002_trigger"),
        ("jobs", "0015_worker_last_error_params"),
    ]

    operations = [
        drop_former_triggers("jobs_worker"),
        pgtrigger.migrations.AddTrigger(
            model_name="worker",
            trigger=pgtrigger.compiler.Trigger(
                name="audit",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    execute="mutoscope_audit('jobs.Worker', 'id', '', 'device,device_name,gpu_utilization_percent,jobs_done,last_error,last_error_params,last_heartbeat_at,seconds_per_credit,state,vram_free_mb,vram_total_mb', '')",
                    func="RETURN NULL;",
                    hash="a1bd1388c1a9d849c02a7cff0b06ea98747b64d4",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_audit_f2d92",
                    table="jobs_worker",
                    when="AFTER",
                ),
            ),
        ),
    ]
