"""Rows that tests commit, since other processes must see them, are taken out after each file: the next finds the database as it was.

Otherwise a test that looks at a whole table (for a secret, say) finds what another file left there, in the order of one machine only.
"""

from __future__ import annotations

from django.db import connection

# Made again after a flush (pytest-django's, after tests with transactions of their own) under other ids.
MADE_AGAIN = ("auth_permission", "django_content_type", "django_migrations", "django_site")

TABLES = f"""
    SELECT c.oid::regclass::text AS name, 'at_first.' || quote_ident(c.relname) AS kept,
        (SELECT string_agg(quote_ident(a.attname), ', ') FROM pg_attribute a
         WHERE a.attrelid = c.oid AND a.attnum = ANY(i.indkey)) AS key
    FROM pg_class c JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace
    AND c.relname <> ALL('{{{",".join(MADE_AGAIN)}}}')
"""
REMEMBER = f"""
DO $$
DECLARE t record; filled boolean;
BEGIN
    CREATE SCHEMA at_first;
    FOR t IN {TABLES} LOOP
        EXECUTE format('SELECT EXISTS (TABLE %s)', t.name) INTO filled;
        IF filled THEN EXECUTE format('CREATE TABLE %s AS SELECT %s FROM %s', t.kept, t.key, t.name); END IF;
    END LOOP;
END $$
"""
FORGET = f"""
DO $$
DECLARE t record; filled boolean;
BEGIN
    SET LOCAL session_replication_role = replica;  -- neither triggers nor foreign keys
    FOR t IN {TABLES} LOOP
        IF to_regclass(t.kept) IS NOT NULL THEN
            EXECUTE format('DELETE FROM %s WHERE (%s) NOT IN (TABLE %s)', t.name, t.key, t.kept);
        ELSE
            EXECUTE format('SELECT EXISTS (TABLE %s)', t.name) INTO filled;
            IF filled THEN EXECUTE format('DELETE FROM %s', t.name); END IF;
        END IF;
    END LOOP;
END $$
"""


def remember() -> None:
    """Which rows the database has now: they stay."""
    with connection.cursor() as cursor:
        cursor.execute(REMEMBER)


def forget() -> None:
    """Take out all rows that came since `remember`."""
    with connection.cursor() as cursor:
        cursor.execute(FORGET)
