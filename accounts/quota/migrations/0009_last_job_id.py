import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models

# The id after another one: its last 62 bits, which are random, plus one.
NEXT_ID = """
CREATE FUNCTION quota_next_id(id uuid) RETURNS uuid LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN overlay(id::text placing lpad(to_hex(
    ('x' || right(replace(id::text, '-', ''), 16))::bit(64)::bigint + 1
), 16, '0') from 20 for 17)::uuid;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("quota", "0008_audit_triggers"),
    ]

    operations = [
        migrations.RunSQL(NEXT_ID, "DROP FUNCTION quota_next_id"),
        pgtrigger.migrations.RemoveTrigger(
            model_name="wallet",
            name="audit",
        ),
        migrations.AddField(
            model_name="wallet",
            name="last_job_id",
            field=models.UUIDField(editable=False, null=True, verbose_name="last video ID"),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="wallet",
            trigger=pgtrigger.compiler.Trigger(
                name="audit",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    execute="mutoscope_audit('quota.Wallet', 'team_id', 'team_id', 'balance,last_job_id,reserved,stored_bytes', '')",
                    func="RETURN NULL;",
                    hash="04e8c1044bd42002732acf97c4bc738e4c37dd45",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_audit_f1f54",
                    table="quota_wallet",
                    when="AFTER",
                ),
            ),
        ),
    ]
