from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0009_disabled_reason_creator_left")]

    operations = [
        migrations.AddField("delivery", "lease_until", models.DateTimeField("lease until", null=True)),
        migrations.AlterField(
            model_name="delivery",
            name="state",
            field=models.CharField(
                "state",
                choices=[
                    ("pending", "Pending"),
                    ("delivered", "Delivered"),
                    ("failed", "Failed"),
                    ("superseded", "Superseded"),
                ],
                default="pending",
                max_length=10,
            ),
        ),
    ]
