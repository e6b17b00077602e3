from importlib import import_module

from django.db import migrations

_FORMER_FIND = import_module("jobs.migrations.0018_search_by_ngrams").FIND

# `with_words` has one pattern for each word, separated by U+001F. A process of the former version sends one pattern.
_PATTERNS = r"string_to_array(with_words, E'\x1f')"
_FORMER_TERMS = r"""
            terms := jobs_ngram_terms(
                regexp_replace(substr(with_words, 2, length(with_words) - 2), '\\(.)', '\1', 'g')
            );
"""
# The best n-gram of each word, then the second best of each. Words that are shorter than an n-gram come last.
_TERMS = rf"""
            terms := ARRAY(
                SELECT term FROM unnest({_PATTERNS}) pattern, unnest(jobs_ngram_terms(
                    regexp_replace(substr(pattern, 2, length(pattern) - 2), '\\(.)', '\1', 'g')
                )) WITH ORDINALITY AS ngrams (term, place)
                ORDER BY term LIKE '%'':*', place, length(pattern) DESC, term LIMIT 12
            );
"""  # noqa: S608 (only constants)


_FIND = _FORMER_FIND.replace("j.prompt ILIKE with_words", f"j.prompt ILIKE ALL ({_PATTERNS})").replace(
    _FORMER_TERMS, _TERMS
)


class Migration(migrations.Migration):
    """Search for several words in any order."""

    dependencies = [("jobs", "0019_job_remixed_from")]
    operations = [migrations.RunSQL(_FIND, _FORMER_FIND)]
