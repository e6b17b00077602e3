from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0003_codes_of_reasons")]

    operations = [
        migrations.RemoveConstraint("endpoint", "webhook_one_secret_for_jobs"),
        migrations.RenameField("endpoint", "of_jobs", "is_per_job"),
        migrations.AddConstraint(
            "endpoint",
            models.UniqueConstraint(
                fields=("team",), condition=models.Q(("is_per_job", True)), name="webhook_one_secret_for_jobs"
            ),
        ),
        migrations.RenameModel("Attempt", "DeliveryAttempt"),
        migrations.RenameField("deliveryattempt", "answer", "response_excerpt"),
        migrations.RenameField("deliveryattempt", "trouble", "error"),
    ]
