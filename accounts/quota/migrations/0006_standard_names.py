from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("quota", "0005_names_and_dashboard")]

    operations = [
        migrations.RemoveIndex("quotawarning", "warning_to_send"),
        migrations.RenameField("quotawarning", "done_at", "finished_at"),
        migrations.RenameField("quotawarning", "try_after", "next_attempt_at"),
        migrations.AddIndex(
            "quotawarning",
            models.Index(fields=["id"], condition=models.Q(("finished_at", None)), name="warning_to_send"),
        ),
    ]
