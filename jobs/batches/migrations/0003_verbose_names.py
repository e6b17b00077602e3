import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import common.ids


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0008_verbose_names"),
        ("batches", "0002_standard_names"),
        ("jobs", "0013_verbose_names"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name="batch",
            name="api_key",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="accounts.apikey",
                verbose_name="API key",
            ),
        ),
        migrations.AlterField(
            model_name="batch",
            name="cancel_requested_at",
            field=models.DateTimeField(null=True, verbose_name="cancellation requested"),
        ),
        migrations.AlterField(
            model_name="batch",
            name="created_at",
            field=models.DateTimeField(auto_now_add=True, verbose_name="submitted"),
        ),
        migrations.AlterField(
            model_name="batch",
            name="fingerprint",
            field=models.BinaryField(max_length=32, verbose_name="fingerprint"),
        ),
        migrations.AlterField(
            model_name="batch",
            name="finished_at",
            field=models.DateTimeField(null=True, verbose_name="finished"),
        ),
        migrations.AlterField(
            model_name="batch",
            name="id",
            field=models.UUIDField(
                default=common.ids.new_id, editable=False, primary_key=True, serialize=False, verbose_name="ID"
            ),
        ),
        migrations.AlterField(
            model_name="batch",
            name="idempotency_key",
            field=models.CharField(blank=True, max_length=255, verbose_name="idempotency key"),
        ),
        migrations.AlterField(
            model_name="batch",
            name="intake_attempt",
            field=models.PositiveSmallIntegerField(default=1, verbose_name="intake calls"),
        ),
        migrations.AlterField(
            model_name="batch",
            name="intake_lease_until",
            field=models.DateTimeField(null=True, verbose_name="intake lease until"),
        ),
        migrations.AlterField(
            model_name="batch",
            name="metadata",
            field=models.JSONField(default=dict, verbose_name="metadata"),
        ),
        migrations.AlterField(
            model_name="batch",
            name="name",
            field=models.CharField(blank=True, max_length=120, verbose_name="name"),
        ),
        migrations.AlterField(
            model_name="batch",
            name="on_error",
            field=models.CharField(
                choices=[("continue", "Accept the other requests"), ("refuse_all", "Reject the whole batch")],
                default="continue",
                max_length=12,
                verbose_name="on error",
            ),
        ),
        migrations.AlterField(
            model_name="batch",
            name="pending_job",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="jobs.job",
                verbose_name="pending video",
            ),
        ),
        migrations.AlterField(
            model_name="batch",
            name="state",
            field=models.CharField(
                choices=[("in_progress", "In progress"), ("completed", "Completed"), ("canceled", "Canceled")],
                default="in_progress",
                max_length=12,
                verbose_name="state",
            ),
        ),
        migrations.AlterField(
            model_name="batch",
            name="team",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="batches",
                to="accounts.team",
                verbose_name="team",
            ),
        ),
        migrations.AlterField(
            model_name="batch",
            name="total",
            field=models.PositiveSmallIntegerField(verbose_name="requests"),
        ),
        migrations.AlterField(
            model_name="batch",
            name="user",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="batches",
                to=settings.AUTH_USER_MODEL,
                verbose_name="person",
            ),
        ),
        migrations.AlterField(
            model_name="batch",
            name="webhook_url",
            field=models.CharField(blank=True, max_length=2000, verbose_name="webhook URL"),
        ),
        migrations.AlterField(
            model_name="batchitem",
            name="batch",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="items",
                to="batches.batch",
                verbose_name="batch",
            ),
        ),
        migrations.AlterField(
            model_name="batchitem",
            name="custom_id",
            field=models.CharField(blank=True, max_length=64, verbose_name="custom ID"),
        ),
        migrations.AlterField(
            model_name="batchitem",
            name="error",
            field=models.JSONField(null=True, verbose_name="error"),
        ),
        migrations.AlterField(
            model_name="batchitem",
            name="id",
            field=models.UUIDField(
                default=common.ids.new_id, editable=False, primary_key=True, serialize=False, verbose_name="ID"
            ),
        ),
        migrations.AlterField(
            model_name="batchitem",
            name="index",
            field=models.PositiveSmallIntegerField(verbose_name="index"),
        ),
        migrations.AlterField(
            model_name="batchitem",
            name="job",
            field=models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="batch_item",
                to="jobs.job",
                verbose_name="video",
            ),
        ),
        migrations.AlterField(
            model_name="batchitem",
            name="team",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.team", verbose_name="team"
            ),
        ),
    ]
