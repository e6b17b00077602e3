from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("batches", "0001_initial")]

    operations = [
        migrations.RemoveConstraint("batch", "batch_ended_iff_finished"),
        migrations.RenameField("batch", "taking_until", "intake_lease_until"),
        migrations.RenameField("batch", "takes", "intake_attempt"),
        migrations.RenameField("batch", "awaits", "pending_job"),
        migrations.AddConstraint(
            "batch",
            models.CheckConstraint(
                condition=models.Q(("finished_at", None), ("state", "in_progress"))
                | models.Q(
                    ("finished_at__isnull", False),
                    ("intake_lease_until", None),
                    ("state__in", ("completed", "canceled")),
                ),
                name="batch_ended_iff_finished",
            ),
        ),
        migrations.AlterField(
            model_name="batch",
            name="on_error",
            field=models.CharField(
                choices=[("continue", "Continue"), ("refuse_all", "Fail Fast")], default="continue", max_length=12
            ),
        ),
    ]
