from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import F, Func, Value

_UNSPACED = "[぀-ヿ㐀-鿿가-힣]"
_SPACED = "[^぀-ヿ㐀-鿿가-힣]"
_CLOSED_AND_UNSPACED = models.Q(
    state__in=("completed", "failed", "canceled", "expired"), deleted_at=None, prompt__regex=_UNSPACED
)
_LETTERS = Func(
    Func(F("prompt"), Value(_SPACED), Value(""), Value("g"), function="regexp_replace"),
    Value(""),
    function="regexp_split_to_array",
)


class Migration(migrations.Migration):
    """The letters of Chinese prompts, for the search that comes next. Jobs go on meanwhile, however many there are."""

    atomic = False
    dependencies = [("jobs", "0008_lists")]
    operations = [
        AddIndexConcurrently("job", GinIndex(_LETTERS, condition=_CLOSED_AND_UNSPACED, name="job_letters")),
        # Without it the planner knows nothing of the new index's letters until the table is next analysed.
        migrations.RunSQL("ANALYZE jobs_job", migrations.RunSQL.noop),
    ]
