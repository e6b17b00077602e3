import django.utils.timezone
from django.db import migrations, models

# Jobs from before usage was counted: what they hold or were charged, and the size of what is kept of them.
_COUNT = """
    INSERT INTO quota_usageday (team_id, day, user_id, api_key_id, model, credits, videos, completed, gpu_seconds)
    SELECT team_id, (created_at AT TIME ZONE 'UTC')::date, user_id, api_key_id, model,
           SUM(COALESCE(charged_credits, quoted_credits)), count(*), count(*) FILTER (WHERE state = 'completed'),
           COALESCE(SUM(gpu_seconds) FILTER (WHERE state = 'completed'), 0)
    FROM jobs_job WHERE state IN ('queued', 'in_progress', 'completed') GROUP BY 1, 2, 3, 4, 5
"""
_WEIGH = """
    UPDATE quota_wallet SET stored_bytes = kept.bytes
    FROM (SELECT team_id, SUM(result_bytes) AS bytes FROM jobs_job
          WHERE state = 'completed' AND files_deleted_at IS NULL GROUP BY team_id) kept
    WHERE quota_wallet.team_id = kept.team_id
"""


class Migration(migrations.Migration):
    dependencies = [
        ("jobs", "0001_initial"),
        ("quota", "0003_stored_bytes"),
    ]

    operations = [
        migrations.AlterField(
            model_name="job",
            name="created_at",
            field=models.DateTimeField(default=django.utils.timezone.now, editable=False),
        ),
        migrations.RunSQL([_COUNT, _WEIGH], migrations.RunSQL.noop),
    ]
