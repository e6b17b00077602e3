import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("jobs", "0018_search_by_ngrams")]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name="job",
            name="terminal_rows_are_immutable",
        ),
        migrations.AddField("job", "remixed_from", models.UUIDField("remixed from", null=True)),
        pgtrigger.migrations.AddTrigger(
            model_name="job",
            trigger=pgtrigger.compiler.Trigger(
                name="terminal_rows_are_immutable",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."state" IN (\'canceled\', \'completed\', \'expired\', \'failed\') AND ((OLD."attempt" IS DISTINCT FROM (NEW."attempt") OR OLD."cancel_requested_at" IS DISTINCT FROM (NEW."cancel_requested_at") OR OLD."charged_credits" IS DISTINCT FROM (NEW."charged_credits") OR OLD."crash_count" IS DISTINCT FROM (NEW."crash_count") OR OLD."created_at" IS DISTINCT FROM (NEW."created_at") OR OLD."deadline_at" IS DISTINCT FROM (NEW."deadline_at") OR OLD."error_code" IS DISTINCT FROM (NEW."error_code") OR OLD."error_message" IS DISTINCT FROM (NEW."error_message") OR OLD."error_params" IS DISTINCT FROM (NEW."error_params") OR OLD."finished_at" IS DISTINCT FROM (NEW."finished_at") OR OLD."fps" IS DISTINCT FROM (NEW."fps") OR OLD."gpu_seconds" IS DISTINCT FROM (NEW."gpu_seconds") OR OLD."guidance_scale" IS DISTINCT FROM (NEW."guidance_scale") OR OLD."height" IS DISTINCT FROM (NEW."height") OR OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."lease_owner" IS DISTINCT FROM (NEW."lease_owner") OR OLD."lease_until" IS DISTINCT FROM (NEW."lease_until") OR OLD."max_attempts" IS DISTINCT FROM (NEW."max_attempts") OR OLD."metadata" IS DISTINCT FROM (NEW."metadata") OR OLD."model" IS DISTINCT FROM (NEW."model") OR OLD."negative_prompt" IS DISTINCT FROM (NEW."negative_prompt") OR OLD."not_before" IS DISTINCT FROM (NEW."not_before") OR OLD."num_frames" IS DISTINCT FROM (NEW."num_frames") OR OLD."output_format" IS DISTINCT FROM (NEW."output_format") OR OLD."pool" IS DISTINCT FROM (NEW."pool") OR OLD."poster_key" IS DISTINCT FROM (NEW."poster_key") OR OLD."preset" IS DISTINCT FROM (NEW."preset") OR OLD."priority" IS DISTINCT FROM (NEW."priority") OR OLD."prompt" IS DISTINCT FROM (NEW."prompt") OR OLD."queued_at" IS DISTINCT FROM (NEW."queued_at") OR OLD."quoted_credits" IS DISTINCT FROM (NEW."quoted_credits") OR OLD."remixed_from" IS DISTINCT FROM (NEW."remixed_from") OR OLD."resolution" IS DISTINCT FROM (NEW."resolution") OR OLD."result_bytes" IS DISTINCT FROM (NEW."result_bytes") OR OLD."result_key" IS DISTINCT FROM (NEW."result_key") OR OLD."seconds_per_credit" IS DISTINCT FROM (NEW."seconds_per_credit") OR OLD."seed" IS DISTINCT FROM (NEW."seed") OR OLD."source_key" IS DISTINCT FROM (NEW."source_key") OR OLD."started_at" IS DISTINCT FROM (NEW."started_at") OR OLD."state" IS DISTINCT FROM (NEW."state") OR OLD."steps" IS DISTINCT FROM (NEW."steps") OR OLD."steps_done" IS DISTINCT FROM (NEW."steps_done") OR OLD."team_id" IS DISTINCT FROM (NEW."team_id") OR OLD."vram_mb" IS DISTINCT FROM (NEW."vram_mb") OR OLD."warnings" IS DISTINCT FROM (NEW."warnings") OR OLD."webhook_format" IS DISTINCT FROM (NEW."webhook_format") OR OLD."webhook_url" IS DISTINCT FROM (NEW."webhook_url") OR OLD."width" IS DISTINCT FROM (NEW."width"))))',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="03cabd51985e4552b6b70ba0408f50e6d8f509cc",
                    operation="UPDATE",
                    pgid="pgtrigger_terminal_rows_are_immutable_d058a",
                    table="jobs_job",
                    when="BEFORE",
                ),
            ),
        ),
    ]
