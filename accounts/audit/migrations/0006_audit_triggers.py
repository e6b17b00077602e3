"""The audit triggers, declared with pgtrigger; those of earlier releases are dropped in the same transaction."""

import django.contrib.auth.models
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations

from accounts.audit.triggers import drop_former_triggers


class Migration(migrations.Migration):
    dependencies = [
        ("account", "0009_emailaddress_unique_primary_email"),
        ("accounts", "0009_audit_triggers"),
        ("audit", "0005_impersonation_verbs"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("mfa", "0003_authenticator_type_uniq"),
        ("socialaccount", "0006_alter_socialaccount_extra_data"),
    ]

    operations = [
        drop_former_triggers(
            "account_emailaddress",
            "accounts_user_groups",
            "auth_group",
            "auth_group_permissions",
            "mfa_authenticator",
            "socialaccount_socialaccount",
        ),
        migrations.CreateModel(
            name="AuditedAuthenticator",
            fields=[],
            options={
                "proxy": True,
                "default_permissions": (),
                "indexes": [],
                "constraints": [],
            },
            bases=("mfa.authenticator",),
        ),
        migrations.CreateModel(
            name="AuditedEmailAddress",
            fields=[],
            options={
                "proxy": True,
                "default_permissions": (),
                "indexes": [],
                "constraints": [],
            },
            bases=("account.emailaddress",),
        ),
        migrations.CreateModel(
            name="AuditedGroup",
            fields=[],
            options={
                "proxy": True,
                "default_permissions": (),
                "indexes": [],
                "constraints": [],
            },
            bases=("auth.group",),
            managers=[
                ("objects", django.contrib.auth.models.GroupManager()),
            ],
        ),
        migrations.CreateModel(
            name="AuditedGroupPermission",
            fields=[],
            options={
                "proxy": True,
                "default_permissions": (),
                "indexes": [],
                "constraints": [],
            },
            bases=("auth.group_permissions",),
        ),
        migrations.CreateModel(
            name="AuditedSocialAccount",
            fields=[],
            options={
                "proxy": True,
                "default_permissions": (),
                "indexes": [],
                "constraints": [],
            },
            bases=("socialaccount.socialaccount",),
        ),
        migrations.CreateModel(
            name="AuditedUserGroup",
            fields=[],
            options={
                "proxy": True,
                "default_permissions": (),
                "indexes": [],
                "constraints": [],
            },
            bases=("accounts.user_groups",),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="auditedauthenticator",
            trigger=pgtrigger.compiler.Trigger(
                name="audit",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    execute="mutoscope_audit('mfa.Authenticator', 'id', '', 'last_used_at', 'data')",
                    func="RETURN NULL;",
                    hash="f5ab7bdff097c83761bf40aca779a5aa82f268f5",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_audit_bb2cd",
                    table="mfa_authenticator",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="auditedemailaddress",
            trigger=pgtrigger.compiler.Trigger(
                name="audit",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    execute="mutoscope_audit('account.EmailAddress', 'id', '', '', '')",
                    func="RETURN NULL;",
                    hash="a6d20214f60f8883e895c65f3590cc9950911339",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_audit_b604b",
                    table="account_emailaddress",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="auditedgroup",
            trigger=pgtrigger.compiler.Trigger(
                name="audit",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    execute="mutoscope_audit('auth.Group', 'id', '', '', '')",
                    func="RETURN NULL;",
                    hash="2b3a1f7a10fbe2b75b908faf9c885b7529e95460",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_audit_e9958",
                    table="auth_group",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="auditedgrouppermission",
            trigger=pgtrigger.compiler.Trigger(
                name="audit",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    execute="mutoscope_audit('auth.Group_permissions', 'id', '', '', '')",
                    func="RETURN NULL;",
                    hash="792936a782b7cb143f552c3fd6be8773f7f180f3",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_audit_b490e",
                    table="auth_group_permissions",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="auditedsocialaccount",
            trigger=pgtrigger.compiler.Trigger(
                name="audit",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    execute="mutoscope_audit('socialaccount.SocialAccount', 'id', '', 'last_login', 'extra_data')",
                    func="RETURN NULL;",
                    hash="6fcffd2cc3099751d126edb286ea989752bf04e4",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_audit_66db7",
                    table="socialaccount_socialaccount",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="auditedusergroup",
            trigger=pgtrigger.compiler.Trigger(
                name="audit",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    execute="mutoscope_audit('accounts.User_groups', 'id', '', '', '')",
                    func="RETURN NULL;",
                    hash="ad60f492c67932b87d00c233f803ef4bc71abf3e",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_audit_ef3ff",
                    table="accounts_user_groups",
                    when="AFTER",
                ),
            ),
        ),
    ]
