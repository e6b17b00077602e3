from django.db import migrations

# Web requests run as a role whose rows are filtered by policies; Postgres then uses no index for LIKE or @>, which it
# does not trust with rows that the policy would hide. This function runs as its owner, is told the team, and gives
# nothing but ids away. The plan is made for the values at hand: a rare word wants another one than a common word.
FIND = """
CREATE FUNCTION galleries_find(
    of_team bigint, with_words text[], with_tag text, of_model text, of_publisher bigint, in_collection uuid,
    favourite_of bigint, public_only boolean, before uuid, most integer
) RETURNS TABLE (found uuid)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = public, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
BEGIN
    RETURN QUERY
    SELECT p.id
    FROM galleries_publication p JOIN jobs_job j ON j.id = p.job_id
    WHERE p.team_id = of_team
        AND (j.expires_at IS NULL OR j.expires_at > now())
        -- The first, which is the longest, may use the index on words; the index cannot take an array.
        AND (with_words IS NULL OR p.search_text LIKE with_words[1])
        AND (with_words IS NULL OR p.search_text LIKE ALL (with_words[2:]))
        AND (with_tag IS NULL OR p.tags @> ARRAY[with_tag]::varchar[])
        AND (of_model IS NULL OR p.model = of_model)
        AND (of_publisher IS NULL OR p.publisher_id = of_publisher)
        AND (in_collection IS NULL OR p.id IN (
            SELECT i.publication_id FROM galleries_collectionitem i
            WHERE i.collection_id = in_collection AND i.team_id = of_team))
        AND (favourite_of IS NULL OR p.id IN (
            SELECT f.publication_id FROM galleries_favourite f
            WHERE f.user_id = favourite_of AND f.team_id = of_team))
        AND (NOT public_only OR p.is_public)
        AND (before IS NULL OR p.id < before)
    ORDER BY p.id DESC
    LIMIT most;
END
$$;
"""

# In the statement that deletes a video, or records that its files are gone, whoever makes it.
GONE = """
CREATE FUNCTION galleries_video_gone() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
BEGIN
    DELETE FROM galleries_publication WHERE job_id = NEW.id;
    UPDATE galleries_sharelink SET revoked_at = now() WHERE job_id = NEW.id AND revoked_at IS NULL;
    RETURN NULL;
END
$$;
CREATE TRIGGER galleries_video_gone AFTER UPDATE OF deleted_at, files_deleted_at ON jobs_job
FOR EACH ROW WHEN (NEW.deleted_at IS NOT NULL OR NEW.files_deleted_at IS NOT NULL)
EXECUTE FUNCTION galleries_video_gone();
"""


class Migration(migrations.Migration):
    """What the gallery does inside the database: its search, and forgetting videos that are gone."""

    dependencies = [("galleries", "0001_initial")]
    operations = [
        migrations.RunSQL(FIND, "DROP FUNCTION galleries_find"),
        migrations.RunSQL(GONE, "DROP TRIGGER galleries_video_gone ON jobs_job; DROP FUNCTION galleries_video_gone()"),
    ]
