from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.operations import TrigramExtension
from django.db import migrations, models

_CLOSED = models.Q(state__in=("completed", "failed", "canceled", "expired"), deleted_at=None)
# Web requests run as a role whose rows are filtered by policies; Postgres then uses no index for LIKE, which it does not
# trust with rows that the policy would hide. This function runs as its owner, is told the team, and gives nothing but ids
# away. The plan is made for the values at hand. Open videos and closed ones are looked up apart, each by the indexes that
# hold them, and merged.
_BRANCH = """
    (SELECT j.id FROM jobs_job j
     WHERE j.team_id = of_team AND j.deleted_at IS NULL AND j.state {states}
        AND j.id >= first_id AND j.id < end_id
        AND (of_state IS NULL OR j.state = of_state)
        AND (of_model IS NULL OR j.model = of_model)
        AND (with_words IS NULL OR j.prompt ILIKE with_words)
     ORDER BY j.id {order} LIMIT most)
"""
_STATES = ("= 'queued'", "= 'in_progress'", "IN ('completed', 'failed', 'canceled', 'expired')")


def _page(order: str) -> str:
    branches = " UNION ALL ".join(_BRANCH.format(states=states, order=order) for states in _STATES)
    return f"RETURN QUERY SELECT page.id FROM ({branches}) page ORDER BY page.id {order} LIMIT most;"  # noqa: S608 (constants)


FIND = f"""
CREATE FUNCTION jobs_find(
    of_team bigint, of_state text, of_model text, with_words text, first_id uuid, end_id uuid, newest_first boolean,
    most integer
) RETURNS TABLE (found uuid)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = public, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
BEGIN
    IF newest_first THEN {_page("DESC")}
    ELSE {_page("ASC")}
    END IF;
END
$$;
"""


class Migration(migrations.Migration):
    """Lists by state, model and words, quick with a million videos of a team."""

    dependencies = [("jobs", "0007_tally")]
    operations = [
        TrigramExtension(),
        migrations.AddIndex(
            "job", models.Index(fields=["team", "state", "-id"], condition=_CLOSED, name="job_of_state")
        ),
        migrations.AddIndex(
            "job", models.Index(fields=["team", "model", "-id"], condition=_CLOSED, name="job_of_model")
        ),
        migrations.AddIndex(
            "job", GinIndex(OpClass(models.F("prompt"), name="gin_trgm_ops"), condition=_CLOSED, name="job_words")
        ),
        migrations.RunSQL(FIND, "DROP FUNCTION jobs_find"),
    ]
