from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("jobs", "0014_error_params")]

    operations = [
        migrations.AddField("worker", "last_error_params", models.JSONField("parameters of the last error", null=True)),
    ]
