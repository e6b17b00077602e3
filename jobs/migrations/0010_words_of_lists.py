from django.db import migrations

_UNSPACED = "[぀-ヿ㐀-鿿가-힣]"
_SPACED = "[^぀-ヿ㐀-鿿가-힣]"
# As migration 0008 made it, and two things more. What many videos say is found among the team's nearest ones: how often
# several words stand side by side the planner guesses far too low, and would collect them all from the index. And words
# of Chinese, mostly of two letters, are looked up by their letters: the index on words has nothing shorter than three.
_LETTERS_OF = f"regexp_split_to_array(regexp_replace({{}}, '{_SPACED}', '', 'g'), '')"
_NEAR = """
    SELECT j.id FROM (
        SELECT id, state, model, prompt FROM jobs_job
        WHERE team_id = of_team AND deleted_at IS NULL AND id >= first_id AND id < end_id
        ORDER BY id {order} LIMIT 3000
    ) j
    WHERE (of_state IS NULL OR j.state = of_state) AND (of_model IS NULL OR j.model = of_model)
        AND j.prompt ILIKE with_words
    ORDER BY j.id {order} LIMIT most
"""
_BRANCH = """
    (SELECT j.id FROM jobs_job j
     WHERE j.team_id = of_team AND j.deleted_at IS NULL AND j.state {states}
        AND j.id >= first_id AND j.id < end_id
        AND (of_state IS NULL OR j.state = of_state)
        AND (of_model IS NULL OR j.model = of_model)
        AND (with_words IS NULL OR j.prompt ILIKE with_words)
        {more}
     ORDER BY j.id {order} LIMIT most)
"""
_STATES = ("= 'queued'", "= 'in_progress'", "IN ('completed', 'failed', 'canceled', 'expired')")
_BY_LETTERS = f"AND (letters IS NULL OR (j.prompt ~ '{_UNSPACED}' AND {_LETTERS_OF.format('j.prompt')} @> letters))"


def _page(order: str) -> str:
    branches = " UNION ALL ".join(
        _BRANCH.format(states=states, order=order, more=_BY_LETTERS if states == _STATES[-1] else "")
        for states in _STATES
    )
    return f"""
        IF with_words IS NOT NULL THEN
            near := ARRAY({_NEAR.format(order=order)});
            IF cardinality(near) = most THEN
                RETURN QUERY SELECT unnest(near);
                RETURN;
            END IF;
        END IF;
        RETURN QUERY SELECT page.id FROM ({branches}) page ORDER BY page.id {order} LIMIT most;
    """  # noqa: S608 (constants)


FIND = f"""
CREATE OR REPLACE FUNCTION jobs_find(
    of_team bigint, of_state text, of_model text, with_words text, first_id uuid, end_id uuid, newest_first boolean,
    most integer
) RETURNS TABLE (found uuid)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = public, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    near uuid[];
    letters text[] := CASE WHEN with_words ~ '{_UNSPACED}' THEN {_LETTERS_OF.format("with_words")} END;
BEGIN
    IF newest_first THEN {_page("DESC")}
    ELSE {_page("ASC")}
    END IF;
END
$$;
"""


class Migration(migrations.Migration):
    """Chinese words of one or two letters, and several words side by side, quick among a million videos of a team."""

    dependencies = [("jobs", "0009_letters")]
    operations = [migrations.RunSQL(FIND, migrations.RunSQL.noop)]
