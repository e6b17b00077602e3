from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0008_audit_triggers")]

    operations = [
        migrations.AlterField(
            model_name="endpoint",
            name="disabled_reason",
            field=models.CharField(
                "reason for disabling",
                blank=True,
                choices=[
                    ("by_hand", "Disabled by a member of the team."),
                    ("gone", "The server responded with status 410 (Gone)."),
                    ("failing", "The server accepted no event for a day."),
                    ("creator_left", "The member who created it left the team or may no longer manage webhooks."),
                ],
                max_length=20,
            ),
        ),
    ]
