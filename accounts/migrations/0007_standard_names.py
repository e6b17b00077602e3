from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_names")]

    operations = [
        migrations.RenameField("team", "closing_at", "deletion_due_at"),
        migrations.RenameField("team", "closed_at", "deleted_at"),
    ]
