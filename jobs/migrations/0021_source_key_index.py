from django.contrib.postgres.indexes import HashIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):
    """Jobs are processed while the index is built."""

    atomic = False
    dependencies = [("jobs", "0020_search_words")]
    operations = [
        # What an interrupted migration has left
        migrations.RunSQL("DROP INDEX CONCURRENTLY IF EXISTS job_source_key", migrations.RunSQL.noop),
        AddIndexConcurrently("job", HashIndex(fields=["source_key"], name="job_source_key")),
    ]
