import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0008_verbose_names"),
        ("audit", "0003_desk"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name="auditentry",
            name="actor",
            field=models.ForeignKey(
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="actor",
            ),
        ),
        migrations.AlterField(
            model_name="auditentry",
            name="api_key",
            field=models.ForeignKey(
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="accounts.apikey",
                verbose_name="API key",
            ),
        ),
        migrations.AlterField(
            model_name="auditentry",
            name="at",
            field=models.DateTimeField(auto_now_add=True, verbose_name="time"),
        ),
        migrations.AlterField(
            model_name="auditentry",
            name="changes",
            field=models.JSONField(default=dict, verbose_name="changes"),
        ),
        migrations.AlterField(
            model_name="auditentry",
            name="id",
            field=models.BigAutoField(primary_key=True, serialize=False, verbose_name="ID"),
        ),
        migrations.AlterField(
            model_name="auditentry",
            name="impersonator",
            field=models.ForeignKey(
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="impersonated by",
            ),
        ),
        migrations.AlterField(
            model_name="auditentry",
            name="ip",
            field=models.GenericIPAddressField(null=True, verbose_name="IP address"),
        ),
        migrations.AlterField(
            model_name="auditentry",
            name="model",
            field=models.CharField(blank=True, max_length=80, verbose_name="table"),
        ),
        migrations.AlterField(
            model_name="auditentry",
            name="request_id",
            field=models.CharField(blank=True, max_length=64, verbose_name="request ID"),
        ),
        migrations.AlterField(
            model_name="auditentry",
            name="row_id",
            field=models.CharField(blank=True, max_length=64, verbose_name="row ID"),
        ),
        migrations.AlterField(
            model_name="auditentry",
            name="system",
            field=models.CharField(blank=True, max_length=64, verbose_name="process"),
        ),
        migrations.AlterField(
            model_name="auditentry",
            name="team",
            field=models.ForeignKey(
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="accounts.team",
                verbose_name="team",
            ),
        ),
        migrations.AlterField(
            model_name="auditentry",
            name="verb",
            field=models.CharField(
                choices=[
                    ("insert", "Added"),
                    ("update", "Changed"),
                    ("delete", "Removed"),
                    ("sign_in", "Signed in"),
                    ("sign_in_failed", "Sign-in failed"),
                    ("second_factor", "Second factor used"),
                    ("second_factor_failed", "Second factor rejected"),
                    ("sign_out", "Signed out"),
                    ("key_refused", "API key rejected: IP address not allowed"),
                    ("impersonation_began", "Impersonation started"),
                    ("impersonation_ended", "Impersonation ended"),
                    ("deed", "Administrator action"),
                ],
                max_length=24,
                verbose_name="event",
            ),
        ),
    ]
