from django.db import migrations

# Marks and places in collections go first, or the commit would fail on them. The lock makes whoever is adding one now
# wait, and find the publication gone.
GONE = """
CREATE OR REPLACE FUNCTION galleries_video_gone() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
DECLARE
    gone uuid;
BEGIN
    SELECT id INTO gone FROM galleries_publication WHERE job_id = NEW.id FOR UPDATE;
    DELETE FROM galleries_favourite WHERE publication_id = gone;
    DELETE FROM galleries_collectionitem WHERE publication_id = gone;
    DELETE FROM galleries_publication WHERE id = gone;
    UPDATE galleries_sharelink SET revoked_at = now() WHERE job_id = NEW.id AND revoked_at IS NULL;
    RETURN NULL;
END
$$;
"""


class Migration(migrations.Migration):
    """A video that somebody marked, or put into a collection, can be deleted."""

    dependencies = [("galleries", "0002_functions")]
    operations = [migrations.RunSQL(GONE, migrations.RunSQL.noop)]
