from importlib import import_module

from django.db import migrations

create_cache_table = import_module("accounts.migrations.0002_cache").create_cache_table


class Migration(migrations.Migration):
    """Create the table of the cache of submitted forms. Tables that exist are left as they are."""

    dependencies = [("accounts", "0010_canonical_emails")]
    operations = [migrations.RunPython(create_cache_table, migrations.RunPython.noop)]
