"""Why a webhook is off becomes a code, since its words are translated."""

from django.db import migrations, models

_CODES = """
UPDATE webhooks_endpoint SET disabled_reason = CASE
    WHEN disabled_reason LIKE 'Switched off by hand%' THEN 'by_hand'
    WHEN disabled_reason LIKE 'It answered 410%' THEN 'gone'
    ELSE 'failing' END
WHERE disabled_reason <> ''
"""


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0002_batch_events")]

    operations = [
        migrations.RunSQL(_CODES, migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="endpoint",
            name="disabled_reason",
            field=models.CharField(
                blank=True,
                choices=[
                    ("by_hand", "Switched off by hand."),
                    ("gone", "It answered 410: gone."),
                    ("failing", "It took nothing for a day."),
                ],
                max_length=20,
            ),
        ),
    ]
