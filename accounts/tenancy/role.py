"""The role of requests that have a team: it may use all tables, under row-level security."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import InternalError, ProgrammingError, transaction
from psycopg import errors, sql

_CREATE_ROLE = """
DO $$ BEGIN
    CREATE ROLE {role} NOLOGIN NOSUPERUSER NOBYPASSRLS;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;  -- created concurrently by another database's migrate
END $$;
"""
_GRANT_ROLE = "GRANT {role} TO CURRENT_USER"
_GRANT_PRIVILEGES = """
GRANT USAGE ON SCHEMA {schema} TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role};
GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role};
ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role};
ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT USAGE ON SEQUENCES TO {role};
"""
# Number of tables and sequences whose privileges the role lacks.
_COUNT_MISSING_PRIVILEGES = """
SELECT count(*) FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND (
    relkind IN ('r', 'p') AND NOT (
        has_table_privilege(%(role)s, oid, 'SELECT') AND has_table_privilege(%(role)s, oid, 'INSERT')
        AND has_table_privilege(%(role)s, oid, 'UPDATE') AND has_table_privilege(%(role)s, oid, 'DELETE'))
    OR relkind = 'S' AND NOT has_sequence_privilege(%(role)s, oid, 'USAGE'))
"""
_MAX_ATTEMPTS = 20


def ensure_role(cursor: Any, role: str) -> None:
    """Create the role if missing and grant it what it needs. Idempotent.

    Raises ImproperlyConfigured if this database user lacks the privileges (with the SQL for an operator), or if the
    role bypasses row-level security.
    """
    names = {"role": sql.Identifier(role), "schema": sql.Identifier(_schema(cursor))}
    try:
        if not _exists(cursor, role):
            cursor.execute(sql.SQL(_CREATE_ROLE).format(**names))
        _reject_role_that_bypasses_rls(cursor, role)
        if not _can_set_role(cursor, role):
            _run(cursor, sql.SQL(_GRANT_ROLE).format(**names))
        cursor.execute(_COUNT_MISSING_PRIVILEGES, {"role": role})
        if cursor.fetchone()[0]:
            _run(cursor, sql.SQL(_GRANT_PRIVILEGES).format(**names))
    except ProgrammingError as error:
        if not isinstance(error.__cause__, errors.InsufficientPrivilege):
            raise
        cursor.execute("SELECT current_user")
        user = sql.Identifier(cursor.fetchone()[0]).as_string(None)
        raise ImproperlyConfigured(
            f"The database user {user} may not create the role for row-level security. As a superuser, run:\n"
            f"    CREATE ROLE {names['role'].as_string(None)} NOLOGIN NOSUPERUSER NOBYPASSRLS;\n"
            f"    GRANT {names['role'].as_string(None)} TO {user};\n"
            "Then migrate again."
        ) from error


def _run(cursor: Any, statements: sql.Composed) -> None:
    """Execute with retries: roles are shared by the cluster, and concurrent grants from two databases fail."""
    for attempt in range(1, _MAX_ATTEMPTS + 1):
        try:
            with transaction.atomic(using=cursor.db.alias):
                cursor.execute(statements)
        except InternalError:  # "tuple concurrently updated"
            if attempt == _MAX_ATTEMPTS:
                raise
        else:
            return


def _schema(cursor: Any) -> str:
    cursor.execute("SELECT current_schema()")
    return str(cursor.fetchone()[0])


def _exists(cursor: Any, role: str) -> bool:
    cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
    return cursor.fetchone() is not None


def _reject_role_that_bypasses_rls(cursor: Any, role: str) -> None:
    cursor.execute("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = %s", [role])
    if cursor.fetchone()[0]:
        raise ImproperlyConfigured(f"TENANT_ROLE is {role!r}, which bypasses row-level security. Name another role.")


def _can_set_role(cursor: Any, role: str) -> bool:
    # Since version 16 a member may lack the right to SET ROLE.
    right = "SET" if cursor.db.connection.info.server_version >= 160000 else "MEMBER"
    cursor.execute("SELECT pg_has_role(current_user, %s, %s)", [role, right])
    return bool(cursor.fetchone()[0])
