from importlib import import_module

from django.contrib.postgres.operations import RemoveIndexConcurrently
from django.db import migrations

_FORMER_FIND = import_module("jobs.migrations.0010_words_of_lists").FIND

FUNCTIONS = r"""
CREATE OR REPLACE FUNCTION jobs_period(id uuid) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ('x' || left(id::text, 5))::bit(20)::integer;

-- N-grams that each prompt with these words contains, as terms of a tsquery whose beginning, a quote and the period, is
-- missing. Six are enough; those across the blank between two words are in the fewest prompts. Words that are shorter than
-- an n-gram are the beginning of one.
CREATE OR REPLACE FUNCTION jobs_ngram_terms(words text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    lowered text := lower(words);
    size integer;
    ngrams text[] := '{}';
    suffix text := '''';
BEGIN
    FOR i IN 1 .. length(lowered) LOOP
        size := CASE WHEN substr(lowered, i, 1) >= '぀' COLLATE "C" THEN 2 ELSE 4 END;
        IF i + size - 1 <= length(lowered) THEN
            ngrams := ngrams || substr(lowered, i, size);
        END IF;
    END LOOP;
    IF cardinality(ngrams) = 0 THEN
        ngrams := ARRAY[lowered];
        suffix := ''':*';
    END IF;
    RETURN ARRAY(
        SELECT replace(replace(n, '\', '\\'), '''', '''''') || suffix
        FROM unnest(ngrams) n GROUP BY n ORDER BY n LIKE '_% %_' DESC, n LIMIT 6
    );
END
$$;
"""

# As before, this runs as its owner, because PostgreSQL uses no index for LIKE behind row policies; it is given the team
# and returns nothing but ids. Plans are made for the values at hand. Unfinished videos, which are few, and finished ones
# are read by the indexes that contain them, and merged.
_FILTERS = """
    j.team_id = of_team AND j.deleted_at IS NULL AND j.id >= first_id AND j.id < end_id
    AND (of_state IS NULL OR j.state = of_state) AND (of_model IS NULL OR j.model = of_model)
"""
_FINISHED = f"{_FILTERS} AND j.state IN ('completed', 'failed', 'canceled', 'expired')"
_WORDS = "(with_words IS NULL OR j.prompt ILIKE with_words)"
_UNFINISHED = "(SELECT j.id FROM jobs_job j WHERE {filters} AND j.state = '{state}' ORDER BY j.id {order} LIMIT most)"
# Most searches end with the nearest 3,000 videos. The others read the index of n-grams: two of its periods, then four,
# eight, and sixteen at a time.
_BODY = r"""
        unfinished := ARRAY({queued} UNION ALL {in_progress});
        finished := ARRAY(
            SELECT j.id FROM (SELECT * FROM jobs_job j WHERE {finished} ORDER BY j.id {order} LIMIT 3000) j
            WHERE {words} ORDER BY j.id {order} LIMIT most
        );
        IF with_words IS NOT NULL AND cardinality(finished) < most THEN
            -- The text inside the pattern, without its escapes
            terms := jobs_ngram_terms(
                regexp_replace(substr(with_words, 2, length(with_words) - 2), '\\(.)', '\1', 'g')
            );
            {bound} := (SELECT j.id FROM jobs_job j WHERE {finished} ORDER BY j.id {order} OFFSET {offset} LIMIT 1);
            period := jobs_period({bound});
            last_period := jobs_period((SELECT j.id FROM jobs_job j WHERE {finished} ORDER BY j.id {reverse} LIMIT 1));
            WHILE cardinality(finished) < most AND period {until} last_period LOOP
                finished := finished || ARRAY(
                    SELECT j.id
                    FROM generate_series(period, period {step} (periods - 1), {step} 1) one_period,
                    lpad(to_hex(one_period), 5, '0') digits,
                    LATERAL (
                        SELECT * FROM jobs_job
                        WHERE jobs_ngrams(team_id, id, prompt)
                                @@ ('''' || digits || E'\x01' || of_team || ''' & ''' || digits || array_to_string(terms, ' & ''' || digits))::tsquery
                            AND state IN ('completed', 'failed', 'canceled', 'expired')
                        OFFSET 0  -- keeps the other conditions outside, which have indexes of their own
                    ) j
                    WHERE {finished} AND {words}
                    ORDER BY j.id {order} LIMIT most - cardinality(finished)
                );
                period := period {step} periods;
                periods := least(2 * periods, 16);
            END LOOP;
        END IF;
        RETURN QUERY SELECT id FROM unnest(unfinished || finished) id ORDER BY id {order} LIMIT most;
"""


def _body(*, newest_first: bool) -> str:
    order, reverse = ("DESC", "ASC") if newest_first else ("ASC", "DESC")
    return _BODY.format(
        order=order,
        reverse=reverse,
        queued=_UNFINISHED.format(filters=f"{_FILTERS} AND {_WORDS}", state="queued", order=order),
        in_progress=_UNFINISHED.format(filters=f"{_FILTERS} AND {_WORDS}", state="in_progress", order=order),
        finished=_FINISHED,
        words=_WORDS,
        # Where the nearest videos end: the next ones are before end_id, or from first_id on.
        bound="end_id" if newest_first else "first_id",
        offset=2999 if newest_first else 3000,
        until=">=" if newest_first else "<=",
        step="-" if newest_first else "+",
    )


FIND = rf"""
CREATE OR REPLACE FUNCTION jobs_find(
    of_team bigint, of_state text, of_model text, with_words text, first_id uuid, end_id uuid, newest_first boolean,
    most integer
) RETURNS TABLE (found uuid)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = public, pg_temp
SET plan_cache_mode = force_custom_plan
-- Computing the n-grams of rows instead of reading their index takes minutes. The planner must not do that, whatever it
-- knows of the table; nor must the executor, for the rows of pages that stand in a bitmap which does not fit.
SET enable_seqscan = off
SET work_mem = '32MB'
AS $$
DECLARE
    unfinished uuid[];
    finished uuid[];
    terms text[];
    period integer;
    periods integer := 2;
    last_period integer;
BEGIN
    IF newest_first THEN {_body(newest_first=True)}
    ELSE {_body(newest_first=False)}
    END IF;
END
$$;
"""


class Migration(migrations.Migration):
    """Search by the index of n-grams, with the same results."""

    atomic = False
    dependencies = [("jobs", "0017_ngrams")]
    operations = [
        migrations.RunSQL(
            FUNCTIONS,
            "DROP FUNCTION jobs_period; DROP FUNCTION jobs_ngram_terms",
        ),
        migrations.RunSQL(FIND, _FORMER_FIND),
        RemoveIndexConcurrently("job", "job_words"),
        RemoveIndexConcurrently("job", "job_letters"),
    ]
