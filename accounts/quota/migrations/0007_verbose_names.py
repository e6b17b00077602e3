import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0008_verbose_names"),
        ("quota", "0006_standard_names"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name="ledgerentry",
            name="actor",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="actor",
            ),
        ),
        migrations.AlterField(
            model_name="ledgerentry",
            name="balance_delta",
            field=models.BigIntegerField(verbose_name="available credits"),
        ),
        migrations.AlterField(
            model_name="ledgerentry",
            name="created_at",
            field=models.DateTimeField(auto_now_add=True, verbose_name="created"),
        ),
        migrations.AlterField(
            model_name="ledgerentry",
            name="id",
            field=models.BigAutoField(primary_key=True, serialize=False, verbose_name="ID"),
        ),
        migrations.AlterField(
            model_name="ledgerentry",
            name="job_id",
            field=models.UUIDField(null=True, verbose_name="video ID"),
        ),
        migrations.AlterField(
            model_name="ledgerentry",
            name="kind",
            field=models.CharField(
                choices=[
                    ("grant", "Granted to the team"),
                    ("reserve", "Reserved for a video"),
                    ("settle", "Video completed: charged, the rest returned"),
                    ("release", "Video not completed: all returned"),
                    ("adjust", "Adjusted by an administrator"),
                ],
                max_length=8,
                verbose_name="kind",
            ),
        ),
        migrations.AlterField(
            model_name="ledgerentry",
            name="period",
            field=models.DateField(null=True, verbose_name="month"),
        ),
        migrations.AlterField(
            model_name="ledgerentry",
            name="reason",
            field=models.CharField(blank=True, max_length=200, verbose_name="reason"),
        ),
        migrations.AlterField(
            model_name="ledgerentry",
            name="reserved_delta",
            field=models.BigIntegerField(verbose_name="reserved credits"),
        ),
        migrations.AlterField(
            model_name="ledgerentry",
            name="team",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="ledger",
                to="accounts.team",
                verbose_name="team",
            ),
        ),
        migrations.AlterField(
            model_name="plan",
            name="allowed_formats",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=8),
                blank=True,
                null=True,
                size=None,
                verbose_name="allowed formats",
            ),
        ),
        migrations.AlterField(
            model_name="plan",
            name="allowed_models",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=60),
                blank=True,
                null=True,
                size=None,
                verbose_name="allowed models",
            ),
        ),
        migrations.AlterField(
            model_name="plan",
            name="allowed_priorities",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=8),
                blank=True,
                null=True,
                size=None,
                verbose_name="allowed priorities",
            ),
        ),
        migrations.AlterField(
            model_name="plan",
            name="gpu_seconds_per_month",
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name="GPU seconds per month"),
        ),
        migrations.AlterField(
            model_name="plan",
            name="max_frames",
            field=models.PositiveSmallIntegerField(blank=True, null=True, verbose_name="maximum frames"),
        ),
        migrations.AlterField(
            model_name="plan",
            name="max_queued",
            field=models.PositiveIntegerField(default=1000, verbose_name="queued videos"),
        ),
        migrations.AlterField(
            model_name="plan",
            name="max_resolution",
            field=models.PositiveSmallIntegerField(blank=True, null=True, verbose_name="maximum resolution"),
        ),
        migrations.AlterField(
            model_name="plan",
            name="max_running",
            field=models.PositiveIntegerField(default=4, verbose_name="concurrent videos"),
        ),
        migrations.AlterField(
            model_name="plan",
            name="max_steps",
            field=models.PositiveSmallIntegerField(blank=True, null=True, verbose_name="maximum steps"),
        ),
        migrations.AlterField(
            model_name="plan",
            name="monthly_credits",
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name="credits per month"),
        ),
        migrations.AlterField(
            model_name="plan",
            name="name",
            field=models.CharField(max_length=60, unique=True, verbose_name="name"),
        ),
        migrations.AlterField(
            model_name="plan",
            name="requests_per_minute",
            field=models.PositiveIntegerField(blank=True, default=600, null=True, verbose_name="requests per minute"),
        ),
        migrations.AlterField(
            model_name="plan",
            name="retention_days",
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name="retention (days)"),
        ),
        migrations.AlterField(
            model_name="plan",
            name="rollover",
            field=models.BooleanField(blank=True, null=True, verbose_name="rollover"),
        ),
        migrations.AlterField(
            model_name="plan",
            name="storage_bytes",
            field=models.PositiveBigIntegerField(blank=True, null=True, verbose_name="storage (bytes)"),
        ),
        migrations.AlterField(
            model_name="plan",
            name="videos_per_day",
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name="videos per day"),
        ),
        migrations.AlterField(
            model_name="plan",
            name="weight",
            field=models.PositiveIntegerField(default=1, verbose_name="GPU weight"),
        ),
        migrations.AlterField(
            model_name="planoverride",
            name="allowed_formats",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=8),
                blank=True,
                null=True,
                size=None,
                verbose_name="allowed formats",
            ),
        ),
        migrations.AlterField(
            model_name="planoverride",
            name="allowed_models",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=60),
                blank=True,
                null=True,
                size=None,
                verbose_name="allowed models",
            ),
        ),
        migrations.AlterField(
            model_name="planoverride",
            name="allowed_priorities",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=8),
                blank=True,
                null=True,
                size=None,
                verbose_name="allowed priorities",
            ),
        ),
        migrations.AlterField(
            model_name="planoverride",
            name="gpu_seconds_per_month",
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name="GPU seconds per month"),
        ),
        migrations.AlterField(
            model_name="planoverride",
            name="max_frames",
            field=models.PositiveSmallIntegerField(blank=True, null=True, verbose_name="maximum frames"),
        ),
        migrations.AlterField(
            model_name="planoverride",
            name="max_queued",
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name="queued videos"),
        ),
        migrations.AlterField(
            model_name="planoverride",
            name="max_resolution",
            field=models.PositiveSmallIntegerField(blank=True, null=True, verbose_name="maximum resolution"),
        ),
        migrations.AlterField(
            model_name="planoverride",
            name="max_running",
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name="concurrent videos"),
        ),
        migrations.AlterField(
            model_name="planoverride",
            name="max_steps",
            field=models.PositiveSmallIntegerField(blank=True, null=True, verbose_name="maximum steps"),
        ),
        migrations.AlterField(
            model_name="planoverride",
            name="monthly_credits",
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name="credits per month"),
        ),
        migrations.AlterField(
            model_name="planoverride",
            name="reason",
            field=models.CharField(blank=True, max_length=200, verbose_name="reason"),
        ),
        migrations.AlterField(
            model_name="planoverride",
            name="requests_per_minute",
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name="requests per minute"),
        ),
        migrations.AlterField(
            model_name="planoverride",
            name="retention_days",
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name="retention (days)"),
        ),
        migrations.AlterField(
            model_name="planoverride",
            name="rollover",
            field=models.BooleanField(blank=True, null=True, verbose_name="rollover"),
        ),
        migrations.AlterField(
            model_name="planoverride",
            name="storage_bytes",
            field=models.PositiveBigIntegerField(blank=True, null=True, verbose_name="storage (bytes)"),
        ),
        migrations.AlterField(
            model_name="planoverride",
            name="team",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE,
                primary_key=True,
                related_name="plan_override",
                serialize=False,
                to="accounts.team",
                verbose_name="team",
            ),
        ),
        migrations.AlterField(
            model_name="planoverride",
            name="videos_per_day",
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name="videos per day"),
        ),
        migrations.AlterField(
            model_name="planoverride",
            name="weight",
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name="GPU weight"),
        ),
        migrations.AlterField(
            model_name="quotawarning",
            name="created_at",
            field=models.DateTimeField(auto_now_add=True, verbose_name="created"),
        ),
        migrations.AlterField(
            model_name="quotawarning",
            name="finished_at",
            field=models.DateTimeField(null=True, verbose_name="finished"),
        ),
        migrations.AlterField(
            model_name="quotawarning",
            name="next_attempt_at",
            field=models.DateTimeField(null=True, verbose_name="next attempt"),
        ),
        migrations.AlterField(
            model_name="quotawarning",
            name="percent",
            field=models.PositiveSmallIntegerField(verbose_name="percent"),
        ),
        migrations.AlterField(
            model_name="quotawarning",
            name="period",
            field=models.DateField(verbose_name="month"),
        ),
        migrations.AlterField(
            model_name="quotawarning",
            name="sent_to",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.BigIntegerField(), default=list, size=None, verbose_name="sent to"
            ),
        ),
        migrations.AlterField(
            model_name="quotawarning",
            name="team",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.team", verbose_name="team"
            ),
        ),
        migrations.AlterField(
            model_name="usageday",
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
            model_name="usageday",
            name="completed",
            field=models.IntegerField(default=0, verbose_name="completed videos"),
        ),
        migrations.AlterField(
            model_name="usageday",
            name="credits",
            field=models.BigIntegerField(default=0, verbose_name="credits"),
        ),
        migrations.AlterField(
            model_name="usageday",
            name="day",
            field=models.DateField(verbose_name="day"),
        ),
        migrations.AlterField(
            model_name="usageday",
            name="gpu_seconds",
            field=models.FloatField(default=0, verbose_name="GPU seconds"),
        ),
        migrations.AlterField(
            model_name="usageday",
            name="model",
            field=models.CharField(max_length=60, verbose_name="model"),
        ),
        migrations.AlterField(
            model_name="usageday",
            name="team",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="usage",
                to="accounts.team",
                verbose_name="team",
            ),
        ),
        migrations.AlterField(
            model_name="usageday",
            name="user",
            field=models.ForeignKey(
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="person",
            ),
        ),
        migrations.AlterField(
            model_name="usageday",
            name="videos",
            field=models.IntegerField(default=0, verbose_name="videos"),
        ),
        migrations.AlterField(
            model_name="wallet",
            name="balance",
            field=models.BigIntegerField(default=0, verbose_name="available credits"),
        ),
        migrations.AlterField(
            model_name="wallet",
            name="granted_through",
            field=models.DateField(null=True, verbose_name="granted through"),
        ),
        migrations.AlterField(
            model_name="wallet",
            name="plan",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="wallets",
                to="quota.plan",
                verbose_name="plan",
            ),
        ),
        migrations.AlterField(
            model_name="wallet",
            name="reserved",
            field=models.BigIntegerField(default=0, verbose_name="reserved credits"),
        ),
        migrations.AlterField(
            model_name="wallet",
            name="stored_bytes",
            field=models.BigIntegerField(default=0, verbose_name="stored bytes"),
        ),
        migrations.AlterField(
            model_name="wallet",
            name="team",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                primary_key=True,
                related_name="wallet",
                serialize=False,
                to="accounts.team",
                verbose_name="team",
            ),
        ),
    ]
