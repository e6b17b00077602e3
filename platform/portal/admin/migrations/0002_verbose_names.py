import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("desk", "0001_initial"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="impersonation",
            options={
                "default_permissions": ("add", "view"),
                "ordering": ["-started_at"],
                "verbose_name": "impersonation",
                "verbose_name_plural": "impersonations",
            },
        ),
        migrations.AlterField(
            model_name="announcement",
            name="ends_at",
            field=models.DateTimeField(
                blank=True, help_text="Leave empty to show it until you end it.", null=True, verbose_name="end time"
            ),
        ),
        migrations.AlterField(
            model_name="announcement",
            name="starts_at",
            field=models.DateTimeField(default=django.utils.timezone.now, verbose_name="start time"),
        ),
        migrations.AlterField(
            model_name="impersonation",
            name="client_ip",
            field=models.GenericIPAddressField(null=True, verbose_name="IP address"),
        ),
        migrations.AlterField(
            model_name="impersonation",
            name="ended_at",
            field=models.DateTimeField(null=True, verbose_name="end time"),
        ),
        migrations.AlterField(
            model_name="impersonation",
            name="started_at",
            field=models.DateTimeField(auto_now_add=True, verbose_name="start time"),
        ),
        migrations.AlterConstraint(
            model_name="announcement",
            name="announcement_ends_after_it_starts",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_at", None), ("ends_at__gt", models.F("starts_at")), _connector="OR"),
                name="announcement_ends_after_it_starts",
                violation_error_message="The end time must be after the start time.",
            ),
        ),
    ]
