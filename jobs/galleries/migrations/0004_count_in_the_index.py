import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """The videos of a collection are counted in an index, which stands in for that of the team."""

    dependencies = [("accounts", "0006_names"), ("galleries", "0003_forget_marks")]
    operations = [
        migrations.AddIndex("collectionitem", models.Index(fields=["team", "collection"], name="collected_in_team")),
        migrations.AlterField(
            "collectionitem",
            "team",
            models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.team"
            ),
        ),
    ]
