"""The audit triggers, declared with pgtrigger; those of earlier releases are dropped in the same transaction."""

import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations

from accounts.audit.triggers import drop_former_triggers


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0002_trigger"),
        ("galleries", "0005_verbose_names"),
    ]

    operations = [
        drop_former_triggers(
            "galleries_collection", "galleries_publication", "galleries_publicpage", "galleries_sharelink"
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="collection",
            trigger=pgtrigger.compiler.Trigger(
                name="audit",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    execute="mutoscope_audit('galleries.Collection', 'id', 'team_id', '', '')",
                    func="RETURN NULL;",
                    hash="d47ee4690a93b7e6850bdfd4641de9485a427fad",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_audit_169ef",
                    table="galleries_collection",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="publication",
            trigger=pgtrigger.compiler.Trigger(
                name="audit",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    execute="mutoscope_audit('galleries.Publication', 'id', 'team_id', 'search_text', '')",
                    func="RETURN NULL;",
                    hash="c4fde25e9b9e91622aabebb444da3ef714cf5b98",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_audit_c658e",
                    table="galleries_publication",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="publicpage",
            trigger=pgtrigger.compiler.Trigger(
                name="audit",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    execute="mutoscope_audit('galleries.PublicPage', 'team_id', 'team_id', '', '')",
                    func="RETURN NULL;",
                    hash="d7d933830f3d37bbc670ef17ba99ff01ba42d4bc",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_audit_ebd4e",
                    table="galleries_publicpage",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="sharelink",
            trigger=pgtrigger.compiler.Trigger(
                name="audit",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    execute="mutoscope_audit('galleries.ShareLink', 'id', 'team_id', 'view_count', 'password,token')",
                    func="RETURN NULL;",
                    hash="31ab5cfd0044f70f6a70f9065b972554789a8025",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_audit_6e4bc",
                    table="galleries_sharelink",
                    when="AFTER",
                ),
            ),
        ),
    ]
