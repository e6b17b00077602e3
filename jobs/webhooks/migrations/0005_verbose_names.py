import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import common.ids


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0008_verbose_names"),
        ("jobs", "0013_verbose_names"),
        ("webhooks", "0004_standard_names"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name="delivery",
            name="body",
            field=models.TextField(verbose_name="body"),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="created_at",
            field=models.DateTimeField(auto_now_add=True, verbose_name="created"),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="endpoint",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="deliveries",
                to="webhooks.endpoint",
                verbose_name="endpoint",
            ),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="event_id",
            field=models.CharField(max_length=80, verbose_name="event ID"),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="finished_at",
            field=models.DateTimeField(null=True, verbose_name="finished"),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="id",
            field=models.UUIDField(
                default=common.ids.new_id, editable=False, primary_key=True, serialize=False, verbose_name="ID"
            ),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="job",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="jobs.job",
                verbose_name="video",
            ),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="kind",
            field=models.CharField(
                choices=[
                    ("video.completed", "Completed"),
                    ("video.failed", "Failed"),
                    ("video.canceled", "Canceled"),
                    ("video.expired", "Expired"),
                    ("video.started", "Started"),
                    ("batch.completed", "Batch Completed"),
                    ("batch.canceled", "Batch Canceled"),
                    ("ping", "Ping"),
                ],
                max_length=20,
                verbose_name="event",
            ),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="next_try_at",
            field=models.DateTimeField(null=True, verbose_name="next attempt"),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="state",
            field=models.CharField(
                choices=[("pending", "Pending"), ("delivered", "Delivered"), ("failed", "Failed")],
                default="pending",
                max_length=10,
                verbose_name="state",
            ),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="team",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.team", verbose_name="team"
            ),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="tries",
            field=models.PositiveSmallIntegerField(default=0, verbose_name="attempts"),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="url",
            field=models.CharField(max_length=2000, verbose_name="URL"),
        ),
        migrations.AlterField(
            model_name="deliveryattempt",
            name="at",
            field=models.DateTimeField(auto_now_add=True, verbose_name="time"),
        ),
        migrations.AlterField(
            model_name="deliveryattempt",
            name="delivery",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="attempts",
                to="webhooks.delivery",
                verbose_name="delivery",
            ),
        ),
        migrations.AlterField(
            model_name="deliveryattempt",
            name="error",
            field=models.CharField(blank=True, max_length=200, verbose_name="error"),
        ),
        migrations.AlterField(
            model_name="deliveryattempt",
            name="id",
            field=models.BigAutoField(primary_key=True, serialize=False, verbose_name="ID"),
        ),
        migrations.AlterField(
            model_name="deliveryattempt",
            name="number",
            field=models.PositiveSmallIntegerField(verbose_name="number"),
        ),
        migrations.AlterField(
            model_name="deliveryattempt",
            name="response_excerpt",
            field=models.CharField(blank=True, max_length=1000, verbose_name="response excerpt"),
        ),
        migrations.AlterField(
            model_name="deliveryattempt",
            name="seconds",
            field=models.FloatField(verbose_name="duration (seconds)"),
        ),
        migrations.AlterField(
            model_name="deliveryattempt",
            name="status",
            field=models.PositiveSmallIntegerField(null=True, verbose_name="HTTP status"),
        ),
        migrations.AlterField(
            model_name="endpoint",
            name="created_at",
            field=models.DateTimeField(auto_now_add=True, verbose_name="created"),
        ),
        migrations.AlterField(
            model_name="endpoint",
            name="creator",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="created by",
            ),
        ),
        migrations.AlterField(
            model_name="endpoint",
            name="description",
            field=models.CharField(blank=True, max_length=200, verbose_name="description"),
        ),
        migrations.AlterField(
            model_name="endpoint",
            name="disabled_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="disabled"),
        ),
        migrations.AlterField(
            model_name="endpoint",
            name="disabled_reason",
            field=models.CharField(
                blank=True,
                choices=[
                    ("by_hand", "Switched off by hand."),
                    ("gone", "It answered 410: gone."),
                    ("failing", "It took nothing for a day."),
                ],
                max_length=20,
                verbose_name="reason for disabling",
            ),
        ),
        migrations.AlterField(
            model_name="endpoint",
            name="failing_since",
            field=models.DateTimeField(blank=True, null=True, verbose_name="failing since"),
        ),
        migrations.AlterField(
            model_name="endpoint",
            name="former_secret",
            field=models.CharField(blank=True, editable=False, max_length=80, verbose_name="previous signing secret"),
        ),
        migrations.AlterField(
            model_name="endpoint",
            name="former_until",
            field=models.DateTimeField(blank=True, null=True, verbose_name="previous secret valid until"),
        ),
        migrations.AlterField(
            model_name="endpoint",
            name="id",
            field=models.UUIDField(
                default=common.ids.new_id, editable=False, primary_key=True, serialize=False, verbose_name="ID"
            ),
        ),
        migrations.AlterField(
            model_name="endpoint",
            name="is_per_job",
            field=models.BooleanField(default=False, verbose_name="for single videos"),
        ),
        migrations.AlterField(
            model_name="endpoint",
            name="kinds",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(
                    choices=[
                        ("video.completed", "Completed"),
                        ("video.failed", "Failed"),
                        ("video.canceled", "Canceled"),
                        ("video.expired", "Expired"),
                        ("video.started", "Started"),
                        ("batch.completed", "Batch Completed"),
                        ("batch.canceled", "Batch Canceled"),
                        ("ping", "Ping"),
                    ],
                    max_length=20,
                ),
                size=None,
                verbose_name="events",
            ),
        ),
        migrations.AlterField(
            model_name="endpoint",
            name="secret",
            field=models.CharField(editable=False, max_length=80, verbose_name="signing secret"),
        ),
        migrations.AlterField(
            model_name="endpoint",
            name="team",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="webhooks",
                to="accounts.team",
                verbose_name="team",
            ),
        ),
        migrations.AlterField(
            model_name="endpoint",
            name="url",
            field=models.CharField(max_length=2000, verbose_name="URL"),
        ),
    ]
