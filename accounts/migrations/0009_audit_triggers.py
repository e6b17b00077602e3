"""The audit triggers, declared with pgtrigger; those of earlier releases are dropped in the same transaction."""

import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations

from accounts.audit.triggers import drop_former_triggers


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0002_trigger"),
        ("accounts", "0008_verbose_names"),
    ]

    operations = [
        drop_former_triggers(
            "accounts_apikey", "accounts_invitation", "accounts_membership", "accounts_team", "accounts_user"
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="apikey",
            trigger=pgtrigger.compiler.Trigger(
                name="audit",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    execute="mutoscope_audit('accounts.ApiKey', 'id', 'team_id', 'last_used_at,last_used_ip', 'secret_sha256')",
                    func="RETURN NULL;",
                    hash="a0c65d6f64f0c4c072f7b5d52cecf2066f43c4c7",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_audit_b6506",
                    table="accounts_apikey",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="invitation",
            trigger=pgtrigger.compiler.Trigger(
                name="audit",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    execute="mutoscope_audit('accounts.Invitation', 'id', 'team_id', '', 'secret_sha256')",
                    func="RETURN NULL;",
                    hash="da7589b0feffbdc8f3fd03decf8b5c4bd1cd45de",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_audit_bcd2f",
                    table="accounts_invitation",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="membership",
            trigger=pgtrigger.compiler.Trigger(
                name="audit",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    execute="mutoscope_audit('accounts.Membership', 'id', 'team_id', '', '')",
                    func="RETURN NULL;",
                    hash="4944d368a493ed74d59099e9f6b1e5c1142dcf59",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_audit_acea8",
                    table="accounts_membership",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="team",
            trigger=pgtrigger.compiler.Trigger(
                name="audit",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    execute="mutoscope_audit('accounts.Team', 'id', 'id', '', '')",
                    func="RETURN NULL;",
                    hash="face5bf01e1645fe58ca6ca01e7b1c1ccf44fbad",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_audit_fa383",
                    table="accounts_team",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="user",
            trigger=pgtrigger.compiler.Trigger(
                name="audit",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    execute="mutoscope_audit('accounts.User', 'id', '', 'last_login', 'password')",
                    func="RETURN NULL;",
                    hash="6113b2e92c2360db564c30c05f04461ae794fc81",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_audit_89230",
                    table="accounts_user",
                    when="AFTER",
                ),
            ),
        ),
    ]
