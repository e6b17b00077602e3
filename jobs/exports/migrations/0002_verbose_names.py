import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import common.ids


class Migration(migrations.Migration):
    dependencies = [
        ("exports", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name="export",
            name="attempt",
            field=models.PositiveSmallIntegerField(default=0, verbose_name="attempt"),
        ),
        migrations.AlterField(
            model_name="export",
            name="created_at",
            field=models.DateTimeField(auto_now_add=True, verbose_name="created"),
        ),
        migrations.AlterField(
            model_name="export",
            name="expires_at",
            field=models.DateTimeField(null=True, verbose_name="expires"),
        ),
        migrations.AlterField(
            model_name="export",
            name="file_key",
            field=models.CharField(blank=True, max_length=200, verbose_name="file key"),
        ),
        migrations.AlterField(
            model_name="export",
            name="id",
            field=models.UUIDField(
                default=common.ids.new_id, editable=False, primary_key=True, serialize=False, verbose_name="ID"
            ),
        ),
        migrations.AlterField(
            model_name="export",
            name="lease_until",
            field=models.DateTimeField(null=True, verbose_name="leased until"),
        ),
        migrations.AlterField(
            model_name="export",
            name="size_bytes",
            field=models.PositiveBigIntegerField(null=True, verbose_name="size (bytes)"),
        ),
        migrations.AlterField(
            model_name="export",
            name="state",
            field=models.CharField(
                choices=[("waiting", "Waiting"), ("ready", "Ready"), ("failed", "Failed"), ("gone", "Gone")],
                default="waiting",
                max_length=8,
                verbose_name="state",
            ),
        ),
        migrations.AlterField(
            model_name="export",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="exports",
                to=settings.AUTH_USER_MODEL,
                verbose_name="person",
            ),
        ),
    ]
