"""Row-level security: PostgreSQL itself shows a console its own tenant's rows and no other's, whatever a query forgets to say.

Made by migrations, with the operations below. Every table that is bound lets each row through that none of these refuses:

- `tollgate_console`: in the console's role, only rows of the tenant that was entered (`tenancy.entered`), and to read also the operator's,
  where a table has such. Without a tenant, none.
- `tollgate_entered`: for everybody who has entered a tenant, the same. It is the second lock: the service's login, should it lose the role
  on the way, is still bound (FORCE: also as the tables' owner; a superuser never is).

Whoever has entered no tenant sees everything: the gateway's snapshots, the drain, Celery, the operators' pages. No policy names a login, so
that it does not matter which one owns the tables or restores a backup. The policies are restrictive ones over a permissive one, and not
three permissive ones, because those would be joined by OR, which no index serves. What is not granted is refused, so a table that was
forgotten here is closed to the console.

It guards against forgotten filters, not against SQL injection: a session may set the tenant itself.

References between tenants are refused by triggers, for everybody, since PostgreSQL checks foreign keys past all policies. A row never moves
to another tenant, so what was checked once stays true.
"""

from __future__ import annotations

import time
from typing import Any

from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.db import Error, models, transaction
from django.db.migrations.operations.base import Operation, OperationCategory

from tenants.tenancy import ROLE

ALL = "SELECT, INSERT, UPDATE, DELETE"
GUARD, KEEP = "tollgate_same_tenant", "tollgate_keep_tenant"  # triggers, and their functions
TENANT = "(SELECT tollgate_tenant())"  # asked once a query, not once a row
COMMANDS = {
    "SELECT": "USING",
    "INSERT": "WITH CHECK",
    "UPDATE": "USING",
    "DELETE": "USING",
}  # an update is checked as it is found
ATTEMPTS = 40  # at a role that another database's migration is making at the same moment
BUSY = {"23505", "42710", "XX000", "40001"}  # it is there by now, or somebody else is at its row
NOT_ALLOWED = "42501"

# What the database does by itself, whoever's statement it follows, it does with its owner's rights and for no tenant. The last schema is
# named since temporary tables, which anybody may make, would be looked at first. The tenant is left and entered again in a function's body,
# since only a superuser may give a function `SET app.tenant_id`; where it raises, the rollback enters again.
DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, {schema}, pg_temp"
ENTERED = "entered text := coalesce(current_setting('app.tenant_id', true), '');"
LEAVE = "PERFORM set_config('app.tenant_id', '', true);"
ENTER_AGAIN = "PERFORM set_config('app.tenant_id', entered, true);"
FUNCTIONS = """
CREATE OR REPLACE FUNCTION tollgate_tenant() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS
    $$ SELECT nullif(current_setting('app.tenant_id', true), '')::uuid $$;

-- Arguments: the referring column; the table, the column and the type of what it refers to.
CREATE OR REPLACE FUNCTION tollgate_same_tenant() RETURNS trigger LANGUAGE plpgsql {definer} AS $$
DECLARE
    {entered}
    theirs uuid;
BEGIN
    {leave}
    EXECUTE format('SELECT tenant_id FROM %I WHERE %I = $1::%s', TG_ARGV[1], TG_ARGV[2], TG_ARGV[3])
        INTO theirs USING to_jsonb(NEW) ->> TG_ARGV[0];
    IF theirs IS NOT NULL AND theirs IS DISTINCT FROM NEW.tenant_id THEN
        RAISE EXCEPTION '%.% refers to a row of another tenant', TG_TABLE_NAME, TG_ARGV[0] USING
            ERRCODE = 'foreign_key_violation', TABLE = TG_TABLE_NAME, COLUMN = TG_ARGV[0], CONSTRAINT = 'tollgate_same_tenant';
    END IF;
    {enter_again}
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION tollgate_keep_tenant() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a row of % cannot move to another tenant', TG_TABLE_NAME USING
        ERRCODE = 'check_violation', TABLE = TG_TABLE_NAME, COLUMN = 'tenant_id', CONSTRAINT = 'tollgate_keep_tenant';
END $$;

CREATE OR REPLACE FUNCTION tollgate_raise_config_version() RETURNS trigger LANGUAGE plpgsql {definer} AS $$
DECLARE
    {entered}
    old_tenant text := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) ->> 'tenant_id' END;
    new_tenant text := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) ->> 'tenant_id' END;
BEGIN
    {leave}
    IF (TG_OP <> 'INSERT' AND old_tenant IS NULL) OR (TG_OP <> 'DELETE' AND new_tenant IS NULL) THEN
        UPDATE tenants_tenant SET config_version = config_version + 1;  -- the operator's: it concerns everyone
    ELSE
        UPDATE tenants_tenant SET config_version = config_version + 1 WHERE id IN (old_tenant::uuid, new_tenant::uuid);
    END IF;
    {enter_again}
    RETURN NULL;
END $$;
"""
DROP_FUNCTIONS = """
ALTER FUNCTION tollgate_raise_config_version() SECURITY INVOKER RESET ALL;
DROP FUNCTION tollgate_keep_tenant;
DROP FUNCTION tollgate_same_tenant;
DROP FUNCTION tollgate_tenant;
"""


class _SqlOperation(Operation):
    """Statements alone; the models do not change."""

    reversible = True
    category = OperationCategory.SQL

    def state_forwards(self, app_label: str, state: Any) -> None:
        pass

    @staticmethod
    def run(schema_editor: Any, *statements: str) -> None:
        for statement in statements:
            schema_editor.execute(statement, params=None)


class MakeConsoleRole(_SqlOperation):
    """The role that console requests work in. Roles belong to the whole server, so it may be there already, or be made elsewhere right now.

    To be the only operation of its migration: another database's migration waits for this one's end. It stays when this is undone.
    """

    reduces_to_sql = False

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        make_role(schema_editor.connection)
        self.run(
            schema_editor,
            f"DO $$ BEGIN IF NOT has_schema_privilege('{ROLE}', current_schema(), 'USAGE') THEN "
            f"EXECUTE format('GRANT USAGE ON SCHEMA %I TO {ROLE}', current_schema()); END IF; END $$",
        )

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        pass

    def describe(self) -> str:
        return f"Make the role {ROLE}"


class MakeTenantFunctions(_SqlOperation):
    """What policies and triggers call; and the one that raises configuration versions is given the right to, whoever edits.

    May be repeated.
    """

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        self.run(schema_editor, with_owners_rights(schema_editor.connection, FUNCTIONS))

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        self.run(schema_editor, DROP_FUNCTIONS)

    def describe(self) -> str:
        return "Make the functions of row-level security"


def with_owners_rights(connection: Any, functions: str) -> str:
    """Functions' text with `{definer}`, `{entered}` (among what they declare), `{leave}` and `{enter_again}` filled in."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_schema())")
        definer = DEFINER.replace("{schema}", cursor.fetchone()[0])
    filled = {"{definer}": definer, "{entered}": ENTERED, "{leave}": LEAVE, "{enter_again}": ENTER_AGAIN}
    for name, text in filled.items():
        functions = functions.replace(name, text)
    return functions


def make_role(connection: Any, role: str = ROLE) -> None:
    """Idempotent. Raises `ImproperlyConfigured`, with the statements that a superuser has to run, where the login may not do it."""
    for _attempt in range(ATTEMPTS):
        try:
            with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
                _make_role(cursor, role)
            return
        except Error as error:
            state = getattr(error.__cause__, "sqlstate", None)
            if state == NOT_ALLOWED:
                raise ImproperlyConfigured(_role_is_missing(connection, role)) from error
            if state not in BUSY:
                raise
            time.sleep(0.1)
    raise ImproperlyConfigured(_role_is_missing(connection, role))


def _make_role(cursor: Any, role: str) -> None:
    cursor.execute("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = %s", [role])
    found = cursor.fetchone()
    if found is None:
        cursor.execute(f"CREATE ROLE {role} NOLOGIN")
    elif found[0]:
        raise ImproperlyConfigured(
            f"The role {role} bypasses row-level security, so it binds nobody. Take that away from it."
        )
    cursor.execute("SELECT pg_has_role(current_user, %s, 'SET')", [role])
    if not cursor.fetchone()[0]:
        cursor.execute(f"GRANT {role} TO current_user WITH SET TRUE, INHERIT FALSE")


def _role_is_missing(connection: Any, role: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_user)")
        login = cursor.fetchone()[0]
    return (
        f"The database's login {login} may not make the role {role}, in which the console sees one tenant's rows only. "
        f"Let a superuser run this, once for the server, and migrate again:\n\n"
        f"    CREATE ROLE {role} NOLOGIN;  -- unless it is there\n"
        f"    GRANT {role} TO {login} WITH SET TRUE, INHERIT FALSE;\n"
    )


class BindTable(_SqlOperation):
    """Policies for a table by name: in the console, the rows for which `visible` holds, with the rights in `console`. May be repeated."""

    def __init__(self, table: str, *, visible: str, console: str = "SELECT", sequence: str = "") -> None:
        self.table, self.visible, self.console, self.sequence = table, visible, console, sequence

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        self.run(schema_editor, *_policies(self.table, self.visible, shared="", console=self.console))
        if self.sequence:
            self.run(schema_editor, f"GRANT USAGE ON SEQUENCE {self.sequence} TO {ROLE}")

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        self.run(schema_editor, *_no_policies(self.table))

    def describe(self) -> str:
        return f"Bind {self.table} to the tenant that is entered"


class GrantToConsole(_SqlOperation):
    """A table that is the same for everybody: the console may do with it what is said, and has no policies."""

    def __init__(self, table: str, console: str = "SELECT") -> None:
        self.table, self.console = table, console

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        self.run(schema_editor, f"GRANT {self.console} ON {self.table} TO {ROLE}")

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        self.run(schema_editor, f"REVOKE ALL ON {self.table} FROM {ROLE}")

    def describe(self) -> str:
        return f"Let the console use {self.table}"


class EnableTenantRls(_SqlOperation):
    """Binds the table of a `TenantOwned` model: policies, rights, guards on its foreign keys. May be repeated, and is after a new foreign
    key.

    `console` is what the console may do with the tenant's rows, as GRANT takes it. `shares_unowned` lets it read the operator's.
    """

    def __init__(
        self, model: str, *, console: str = ALL, shares_unowned: bool = False, column: str = "tenant_id"
    ) -> None:
        self.model, self.console, self.shares_unowned, self.column = model, console, shares_unowned, column

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = to_state.apps.get_model(app_label, self.model)
        table = model._meta.db_table
        visible = f"{self.column} = {TENANT}"
        shared = f"{self.column} IS NULL" if self.shares_unowned else ""
        statements = _policies(table, visible, shared=shared, console=self.console)
        if self.column == "tenant_id":
            statements += _guards(model, schema_editor.connection)
        self.run(schema_editor, *statements)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = from_state.apps.get_model(app_label, self.model)
        statements = _no_policies(model._meta.db_table)
        if self.column == "tenant_id":
            statements += _no_guards(model)
        self.run(schema_editor, *statements)

    def describe(self) -> str:
        return f"Bind {self.model} to the tenant that is entered"


def guarded_references(model: Any) -> list[Any]:
    """The foreign keys of a model that could lead into another tenant. Those without a constraint may name what is gone, and are not looked
    at.
    """
    fields: list[Any] = [field for field in model._meta.local_concrete_fields if isinstance(field, models.ForeignKey)]
    return [field for field in fields if field.db_constraint and _has_tenant(field.remote_field.model)]


def _has_tenant(model: Any) -> bool:
    try:
        tenant = model._meta.get_field("tenant")
    except FieldDoesNotExist:
        return False
    return bool(tenant.remote_field and tenant.remote_field.model._meta.label == "tenants.Tenant")


def _policies(table: str, visible: str, *, shared: str, console: str) -> list[str]:
    """`visible` says which rows are the tenant's; `shared`, if given, which ones besides may be read."""
    statements = [
        *_no_policies(table),
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY tollgate_rows ON {table} USING (true)",
        f"GRANT {console} ON {table} TO {ROLE}",
    ]
    for command, clause in COMMANDS.items():
        rows = f"({visible} OR {shared})" if shared and command == "SELECT" else visible
        suffix = command.lower()
        statements += [
            f"CREATE POLICY tollgate_console_{suffix} ON {table} AS RESTRICTIVE FOR {command} TO {ROLE} {clause} "
            f"({TENANT} IS NOT NULL AND {rows})",
            f"CREATE POLICY tollgate_entered_{suffix} ON {table} AS RESTRICTIVE FOR {command} {clause} ({TENANT} IS NULL OR {rows})",
        ]
    return statements


def _no_policies(table: str) -> list[str]:
    names = ["tollgate_rows"]
    names += [f"{name}_{command.lower()}" for name in ("tollgate_console", "tollgate_entered") for command in COMMANDS]
    return [
        *(f"DROP POLICY IF EXISTS {name} ON {table}" for name in names),
        f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
        f"REVOKE ALL ON {table} FROM {ROLE}",
    ]


def _guards(model: Any, connection: Any) -> list[str]:
    table = model._meta.db_table
    statements = [
        *_no_guards(model),
        f"CREATE TRIGGER {KEEP} BEFORE UPDATE OF tenant_id ON {table} FOR EACH ROW "
        f"WHEN (OLD.tenant_id IS DISTINCT FROM NEW.tenant_id) EXECUTE FUNCTION {KEEP}()",
    ]
    for field in guarded_references(model):
        target = field.target_field
        arguments = (field.column, target.model._meta.db_table, target.column, target.rel_db_type(connection))
        quoted = ", ".join(f"'{argument}'" for argument in arguments)
        statements.append(
            f"CREATE TRIGGER {GUARD}_{field.column} BEFORE INSERT OR UPDATE OF {field.column}, tenant_id ON {table} FOR EACH ROW "
            f"WHEN (NEW.{field.column} IS NOT NULL) EXECUTE FUNCTION {GUARD}({quoted})"
        )
    return statements


def _no_guards(model: Any) -> list[str]:
    table = model._meta.db_table
    names = [KEEP, *(f"{GUARD}_{field.column}" for field in guarded_references(model))]
    return [f"DROP TRIGGER IF EXISTS {name} ON {table}" for name in names]
