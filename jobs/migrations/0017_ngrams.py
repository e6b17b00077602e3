from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import F, Func

# No condition on deleted_at: the other indexes have it, and the planner might read one of them for the rows of this one.
_FINISHED = models.Q(state__in=("completed", "failed", "canceled", "expired"))
# The four characters from each position of a prompt, or two if the first is of a script whose words are that short. Each
# begins with the leading digits of the id: ids begin with the time, so the index is read period by period (2**28 ms, three
# days), the nearest first, and a word that has been used in many videos costs no more than one that is in few.
# One more entry names the team, after a character that no prompt contains: rows of other teams are not read.
# The cost keeps the planner from computing this for rows instead of reading the index.
NGRAMS = r"""
CREATE OR REPLACE FUNCTION jobs_ngrams(team_id bigint, id uuid, prompt text) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 10000
AS $$
DECLARE
    lowered text := lower(prompt);
    period text := left(id::text, 5);
    ngrams text[] := ARRAY[period || E'\x01' || team_id];
BEGIN
    FOR i IN 1 .. length(lowered) LOOP
        ngrams[i + 1] := period || substr(lowered, i, CASE WHEN substr(lowered, i, 1) >= '぀' COLLATE "C" THEN 2 ELSE 4 END);
    END LOOP;
    RETURN array_to_tsvector(ngrams);
END
$$;
"""


class Migration(migrations.Migration):
    """An index for searches, however short, common or absent the words are. Jobs are processed while it is built."""

    atomic = False
    dependencies = [("jobs", "0016_audit_triggers")]
    operations = [
        migrations.RunSQL(NGRAMS, "DROP FUNCTION jobs_ngrams"),
        # What an interrupted migration has left
        migrations.RunSQL("DROP INDEX CONCURRENTLY IF EXISTS job_ngrams", migrations.RunSQL.noop),
        AddIndexConcurrently(
            "job",
            GinIndex(
                Func(F("team_id"), F("id"), F("prompt"), function="jobs_ngrams"),
                condition=_FINISHED,
                fastupdate=False,
                name="job_ngrams",
            ),
        ),
        # Statistics of the n-grams would cost each ANALYZE seconds, and the search needs none.
        migrations.RunSQL("ALTER INDEX job_ngrams ALTER COLUMN 1 SET STATISTICS 0", migrations.RunSQL.noop),
    ]
