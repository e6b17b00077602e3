from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0005_verbose_names")]

    operations = [
        migrations.AddField("deliveryattempt", "error_params", models.JSONField("error parameters", null=True)),
    ]
