import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import common.ids


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0008_verbose_names"),
        ("jobs", "0012_standard_names"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name="idempotencyrecord",
            name="created_at",
            field=models.DateTimeField(auto_now_add=True, db_index=True, verbose_name="created"),
        ),
        migrations.AlterField(
            model_name="idempotencyrecord",
            name="fingerprint",
            field=models.BinaryField(max_length=32, verbose_name="fingerprint"),
        ),
        migrations.AlterField(
            model_name="idempotencyrecord",
            name="job",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="jobs.job", verbose_name="video"
            ),
        ),
        migrations.AlterField(
            model_name="idempotencyrecord",
            name="key",
            field=models.CharField(max_length=255, verbose_name="idempotency key"),
        ),
        migrations.AlterField(
            model_name="idempotencyrecord",
            name="team",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.team", verbose_name="team"
            ),
        ),
        migrations.AlterField(
            model_name="job",
            name="api_key",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="jobs",
                to="accounts.apikey",
                verbose_name="API key",
            ),
        ),
        migrations.AlterField(
            model_name="job",
            name="attempt",
            field=models.PositiveIntegerField(default=0, verbose_name="attempt"),
        ),
        migrations.AlterField(
            model_name="job",
            name="cancel_requested_at",
            field=models.DateTimeField(null=True, verbose_name="cancellation requested"),
        ),
        migrations.AlterField(
            model_name="job",
            name="charged_credits",
            field=models.PositiveIntegerField(null=True, verbose_name="charged credits"),
        ),
        migrations.AlterField(
            model_name="job",
            name="crash_count",
            field=models.PositiveSmallIntegerField(default=0, verbose_name="crashes"),
        ),
        migrations.AlterField(
            model_name="job",
            name="created_at",
            field=models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name="submitted"),
        ),
        migrations.AlterField(
            model_name="job",
            name="deadline_at",
            field=models.DateTimeField(null=True, verbose_name="start deadline"),
        ),
        migrations.AlterField(
            model_name="job",
            name="deleted_at",
            field=models.DateTimeField(null=True, verbose_name="deleted"),
        ),
        migrations.AlterField(
            model_name="job",
            name="error_code",
            field=models.CharField(blank=True, max_length=60, verbose_name="error code"),
        ),
        migrations.AlterField(
            model_name="job",
            name="error_message",
            field=models.TextField(blank=True, verbose_name="error message"),
        ),
        migrations.AlterField(
            model_name="job",
            name="expires_at",
            field=models.DateTimeField(null=True, verbose_name="expires"),
        ),
        migrations.AlterField(
            model_name="job",
            name="files_deleted_at",
            field=models.DateTimeField(null=True, verbose_name="files deleted"),
        ),
        migrations.AlterField(
            model_name="job",
            name="finished_at",
            field=models.DateTimeField(null=True, verbose_name="finished"),
        ),
        migrations.AlterField(
            model_name="job",
            name="fps",
            field=models.PositiveSmallIntegerField(verbose_name="frames per second"),
        ),
        migrations.AlterField(
            model_name="job",
            name="gpu_seconds",
            field=models.FloatField(null=True, verbose_name="GPU seconds"),
        ),
        migrations.AlterField(
            model_name="job",
            name="guidance_scale",
            field=models.FloatField(verbose_name="guidance scale"),
        ),
        migrations.AlterField(
            model_name="job",
            name="height",
            field=models.PositiveSmallIntegerField(verbose_name="height"),
        ),
        migrations.AlterField(
            model_name="job",
            name="id",
            field=models.UUIDField(
                default=common.ids.new_id, editable=False, primary_key=True, serialize=False, verbose_name="ID"
            ),
        ),
        migrations.AlterField(
            model_name="job",
            name="lease_owner",
            field=models.UUIDField(null=True, verbose_name="worker"),
        ),
        migrations.AlterField(
            model_name="job",
            name="lease_until",
            field=models.DateTimeField(null=True, verbose_name="leased until"),
        ),
        migrations.AlterField(
            model_name="job",
            name="max_attempts",
            field=models.PositiveSmallIntegerField(default=3, verbose_name="maximum attempts"),
        ),
        migrations.AlterField(
            model_name="job",
            name="metadata",
            field=models.JSONField(default=dict, verbose_name="metadata"),
        ),
        migrations.AlterField(
            model_name="job",
            name="model",
            field=models.CharField(max_length=60, verbose_name="model"),
        ),
        migrations.AlterField(
            model_name="job",
            name="negative_prompt",
            field=models.TextField(blank=True, verbose_name="negative prompt"),
        ),
        migrations.AlterField(
            model_name="job",
            name="not_before",
            field=models.DateTimeField(null=True, verbose_name="not before"),
        ),
        migrations.AlterField(
            model_name="job",
            name="num_frames",
            field=models.PositiveSmallIntegerField(verbose_name="number of frames"),
        ),
        migrations.AlterField(
            model_name="job",
            name="output_format",
            field=models.CharField(max_length=4, verbose_name="format"),
        ),
        migrations.AlterField(
            model_name="job",
            name="pool",
            field=models.CharField(max_length=40, verbose_name="pool"),
        ),
        migrations.AlterField(
            model_name="job",
            name="poster_key",
            field=models.CharField(blank=True, max_length=200, verbose_name="poster key"),
        ),
        migrations.AlterField(
            model_name="job",
            name="preset",
            field=models.CharField(blank=True, max_length=12, verbose_name="preset"),
        ),
        migrations.AlterField(
            model_name="job",
            name="priority",
            field=models.SmallIntegerField(
                choices=[(0, "low"), (1, "normal"), (2, "high")], default=1, verbose_name="priority"
            ),
        ),
        migrations.AlterField(
            model_name="job",
            name="prompt",
            field=models.TextField(verbose_name="prompt"),
        ),
        migrations.AlterField(
            model_name="job",
            name="queued_at",
            field=models.DateTimeField(auto_now_add=True, verbose_name="queued"),
        ),
        migrations.AlterField(
            model_name="job",
            name="quoted_credits",
            field=models.PositiveIntegerField(verbose_name="quoted credits"),
        ),
        migrations.AlterField(
            model_name="job",
            name="resolution",
            field=models.CharField(max_length=12, verbose_name="resolution"),
        ),
        migrations.AlterField(
            model_name="job",
            name="result_bytes",
            field=models.PositiveBigIntegerField(null=True, verbose_name="result size (bytes)"),
        ),
        migrations.AlterField(
            model_name="job",
            name="result_key",
            field=models.CharField(blank=True, max_length=200, verbose_name="result key"),
        ),
        migrations.AlterField(
            model_name="job",
            name="seconds_per_credit",
            field=models.FloatField(null=True, verbose_name="seconds per credit"),
        ),
        migrations.AlterField(
            model_name="job",
            name="seed",
            field=models.BigIntegerField(verbose_name="seed"),
        ),
        migrations.AlterField(
            model_name="job",
            name="source_key",
            field=models.CharField(max_length=200, verbose_name="source image key"),
        ),
        migrations.AlterField(
            model_name="job",
            name="started_at",
            field=models.DateTimeField(null=True, verbose_name="started"),
        ),
        migrations.AlterField(
            model_name="job",
            name="state",
            field=models.CharField(
                choices=[
                    ("queued", "Queued"),
                    ("in_progress", "In progress"),
                    ("completed", "Completed"),
                    ("failed", "Failed"),
                    ("canceled", "Canceled"),
                    ("expired", "Expired"),
                ],
                default="queued",
                max_length=12,
                verbose_name="state",
            ),
        ),
        migrations.AlterField(
            model_name="job",
            name="steps",
            field=models.PositiveSmallIntegerField(verbose_name="number of steps"),
        ),
        migrations.AlterField(
            model_name="job",
            name="steps_done",
            field=models.PositiveSmallIntegerField(default=0, verbose_name="steps done"),
        ),
        migrations.AlterField(
            model_name="job",
            name="team",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="jobs",
                to="accounts.team",
                verbose_name="team",
            ),
        ),
        migrations.AlterField(
            model_name="job",
            name="user",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="jobs",
                to=settings.AUTH_USER_MODEL,
                verbose_name="person",
            ),
        ),
        migrations.AlterField(
            model_name="job",
            name="vram_mb",
            field=models.PositiveIntegerField(default=0, verbose_name="VRAM (MB)"),
        ),
        migrations.AlterField(
            model_name="job",
            name="warnings",
            field=models.JSONField(default=list, verbose_name="warnings"),
        ),
        migrations.AlterField(
            model_name="job",
            name="webhook_format",
            field=models.CharField(blank=True, max_length=40, verbose_name="webhook format"),
        ),
        migrations.AlterField(
            model_name="job",
            name="webhook_url",
            field=models.CharField(blank=True, max_length=2000, verbose_name="webhook URL"),
        ),
        migrations.AlterField(
            model_name="job",
            name="width",
            field=models.PositiveSmallIntegerField(verbose_name="width"),
        ),
        migrations.AlterField(
            model_name="jobevent",
            name="created_at",
            field=models.DateTimeField(auto_now_add=True, verbose_name="created"),
        ),
        migrations.AlterField(
            model_name="jobevent",
            name="dispatched_at",
            field=models.DateTimeField(null=True, verbose_name="dispatched"),
        ),
        migrations.AlterField(
            model_name="jobevent",
            name="id",
            field=models.BigAutoField(primary_key=True, serialize=False, verbose_name="ID"),
        ),
        migrations.AlterField(
            model_name="jobevent",
            name="job",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="events", to="jobs.job", verbose_name="video"
            ),
        ),
        migrations.AlterField(
            model_name="jobevent",
            name="kind",
            field=models.CharField(max_length=20, verbose_name="kind"),
        ),
        migrations.AlterField(
            model_name="metriccounter",
            name="count",
            field=models.BigIntegerField(verbose_name="count"),
        ),
        migrations.AlterField(
            model_name="metriccounter",
            name="credits",
            field=models.BigIntegerField(verbose_name="credits"),
        ),
        migrations.AlterField(
            model_name="metriccounter",
            name="detail",
            field=models.CharField(max_length=60, verbose_name="detail"),
        ),
        migrations.AlterField(
            model_name="metriccounter",
            name="kind",
            field=models.CharField(max_length=20, verbose_name="kind"),
        ),
        migrations.AlterField(
            model_name="metriccounter",
            name="model",
            field=models.CharField(max_length=60, verbose_name="model"),
        ),
        migrations.AlterField(
            model_name="metriccounter",
            name="pool",
            field=models.CharField(max_length=40, verbose_name="pool"),
        ),
        migrations.AlterField(
            model_name="metriccounter",
            name="seconds",
            field=models.FloatField(verbose_name="sum of seconds"),
        ),
        migrations.AlterField(
            model_name="metriccounter",
            name="upper_bound",
            field=models.FloatField(verbose_name="bucket upper bound"),
        ),
        migrations.AlterField(
            model_name="pool",
            name="name",
            field=models.CharField(max_length=40, primary_key=True, serialize=False, verbose_name="name"),
        ),
        migrations.AlterField(
            model_name="pool",
            name="virtual_time",
            field=models.FloatField(default=0, verbose_name="virtual time"),
        ),
        migrations.AlterField(
            model_name="rendition",
            name="created_at",
            field=models.DateTimeField(auto_now_add=True, verbose_name="created"),
        ),
        migrations.AlterField(
            model_name="rendition",
            name="job",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="renditions",
                to="jobs.job",
                verbose_name="video",
            ),
        ),
        migrations.AlterField(
            model_name="rendition",
            name="key",
            field=models.CharField(max_length=200, verbose_name="file key"),
        ),
        migrations.AlterField(
            model_name="rendition",
            name="name",
            field=models.CharField(max_length=20, verbose_name="name"),
        ),
        migrations.AlterField(
            model_name="teamshare",
            name="finish_tag",
            field=models.FloatField(default=0, verbose_name="finish tag"),
        ),
        migrations.AlterField(
            model_name="teamshare",
            name="pool",
            field=models.CharField(max_length=40, verbose_name="pool"),
        ),
        migrations.AlterField(
            model_name="teamshare",
            name="team",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.team", verbose_name="team"
            ),
        ),
        migrations.AlterField(
            model_name="worker",
            name="device",
            field=models.CharField(max_length=40, verbose_name="device"),
        ),
        migrations.AlterField(
            model_name="worker",
            name="device_name",
            field=models.CharField(blank=True, max_length=120, verbose_name="device name"),
        ),
        migrations.AlterField(
            model_name="worker",
            name="drain_requested_at",
            field=models.DateTimeField(null=True, verbose_name="drain requested"),
        ),
        migrations.AlterField(
            model_name="worker",
            name="gpu_utilization_percent",
            field=models.PositiveSmallIntegerField(null=True, verbose_name="GPU utilization in percent"),
        ),
        migrations.AlterField(
            model_name="worker",
            name="id",
            field=models.UUIDField(default=common.ids.new_id, primary_key=True, serialize=False, verbose_name="ID"),
        ),
        migrations.AlterField(
            model_name="worker",
            name="jobs_done",
            field=models.PositiveIntegerField(default=0, verbose_name="videos completed"),
        ),
        migrations.AlterField(
            model_name="worker",
            name="last_error",
            field=models.CharField(blank=True, max_length=300, verbose_name="last error"),
        ),
        migrations.AlterField(
            model_name="worker",
            name="last_heartbeat_at",
            field=models.DateTimeField(verbose_name="last heartbeat"),
        ),
        migrations.AlterField(
            model_name="worker",
            name="model",
            field=models.CharField(max_length=60, verbose_name="model"),
        ),
        migrations.AlterField(
            model_name="worker",
            name="name",
            field=models.CharField(max_length=120, verbose_name="name"),
        ),
        migrations.AlterField(
            model_name="worker",
            name="pool",
            field=models.CharField(max_length=40, verbose_name="pool"),
        ),
        migrations.AlterField(
            model_name="worker",
            name="seconds_per_credit",
            field=models.FloatField(null=True, verbose_name="seconds per credit"),
        ),
        migrations.AlterField(
            model_name="worker",
            name="started_at",
            field=models.DateTimeField(auto_now_add=True, verbose_name="started"),
        ),
        migrations.AlterField(
            model_name="worker",
            name="state",
            field=models.CharField(
                choices=[
                    ("starting", "Starting up"),
                    ("ready", "Ready"),
                    ("busy", "Busy"),
                    ("draining", "Draining"),
                    ("unhealthy", "Unhealthy"),
                ],
                default="starting",
                max_length=10,
                verbose_name="state",
            ),
        ),
        migrations.AlterField(
            model_name="worker",
            name="version",
            field=models.CharField(blank=True, max_length=40, verbose_name="version"),
        ),
        migrations.AlterField(
            model_name="worker",
            name="vram_free_mb",
            field=models.PositiveIntegerField(default=0, verbose_name="free VRAM (MB)"),
        ),
        migrations.AlterField(
            model_name="worker",
            name="vram_total_mb",
            field=models.PositiveIntegerField(default=0, verbose_name="total VRAM (MB)"),
        ),
    ]
