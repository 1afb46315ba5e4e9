"""What the database itself holds a console to: its tenant's rows, whatever a statement asks for. And what it holds everybody to: no
reference into another tenant.
"""

import contextlib
import json
import threading
from collections.abc import Iterator
from importlib import import_module
from typing import Any
from uuid import UUID

import psycopg
import pytest
from auditlog.models import LogEntry
from django.apps import apps
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.db import Error, IntegrityError, connection, models, transaction

from gateway.models import Model, Provider, Task
from tenants import audit, rls, tenancy
from tenants.models import EndUser, Membership, Tenant, TenantOwned
from tenants.rls import guarded_references
from tests.cast import Cast
from tests.tenants.bound_rows import LABELS, OWNED, row_of

pytestmark = pytest.mark.django_db

REFUSALS = (
    psycopg.errors.InsufficientPrivilege,
    psycopg.errors.CheckViolation,  # it stays with its tenant
    psycopg.errors.ForeignKeyViolation,  # a reference into another tenant
)
POLICIES = [
    f"tollgate_{lock}_{command}"
    for lock in ("console", "entered")
    for command in ("delete", "insert", "select", "update")
]
REFERENCES = [(model, field) for model in OWNED for field in guarded_references(model)]
REFERENCE_NAMES = [f"{model._meta.label}.{field.name}" for model, field in REFERENCES]


def sql(statement: str, *args: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, args or None)
        return cursor.fetchall() if cursor.description else []


def changed(statement: str, *args: Any) -> int:
    """How many rows the statement touched; 0 if the console may not do such a thing at all."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, args or None)
            return int(cursor.rowcount)
    except Error as error:
        if isinstance(error.__cause__, psycopg.errors.InsufficientPrivilege):
            return 0
        raise


@contextlib.contextmanager
def refused() -> Iterator[None]:
    """The statements within are refused for want of a right (which policies are, too), or by one of the guards."""
    with pytest.raises(Error) as caught, transaction.atomic():
        yield
    assert isinstance(caught.value.__cause__, REFUSALS), caught.value


def tenants_seen(table: str) -> set[UUID | None]:
    return {tenant_id for (tenant_id,) in sql(f"SELECT DISTINCT tenant_id FROM {table}")}


def test_every_model_with_a_tenant_has_the_base_and_every_table_its_policies():
    belongs = [
        model
        for model in apps.get_models(include_auto_created=True)
        if any(
            isinstance(field, models.ForeignKey) and field.remote_field.model is Tenant
            for field in model._meta.get_fields()
        )
    ]
    assert [model._meta.label for model in belongs if not issubclass(model, TenantOwned)] == []
    for table in ("tenants_tenant", "auth_user", "auditlog_logentry", *(model._meta.db_table for model in OWNED)):
        ((enabled, forced),) = sql(
            "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = %s::regclass", table
        )
        policies = [
            name for (name,) in sql("SELECT policyname FROM pg_policies WHERE tablename = %s ORDER BY 1", table)
        ]
        assert (enabled, forced, policies) == (True, True, [*POLICIES, "tollgate_rows"]), table


def test_nothing_is_granted_to_the_console_that_has_no_policies():
    """But for what is the same for everybody."""
    granted = sql(
        "SELECT DISTINCT relname FROM pg_class, aclexplode(relacl) WHERE grantee = 'tollgate_console'::regrole"
        " AND relkind IN ('r', 'p', 'v', 'm') AND NOT relrowsecurity ORDER BY 1"
    )
    assert [name for (name,) in granted] == ["billing_plan", "billing_plantier", "django_content_type"]


@pytest.mark.parametrize("model", OWNED, ids=LABELS)
def test_a_console_reads_its_own_rows_and_writes_no_others(cast: Cast, model: Any):
    table, acme, globex = model._meta.db_table, cast.acme.tenant.pk, cast.globex.tenant.pk
    theirs = row_of(model, cast.globex, cast)
    row_of(model, cast.acme, cast)
    assert {acme, globex} <= tenants_seen(table)
    shared = {None} if model.objects.shares_unowned else set()
    column = next(field.column for field in model._meta.concrete_fields if field.column not in ("tenant_id", "id"))
    with tenancy.entered(acme):
        assert tenants_seen(table) - shared == {acme}
        assert changed(f"UPDATE {table} SET {column} = {column} WHERE tenant_id IS DISTINCT FROM %s", acme) == 0
        assert changed(f"DELETE FROM {table} WHERE tenant_id IS DISTINCT FROM %s", acme) == 0
        with refused():
            sql(f"UPDATE {table} SET tenant_id = %s WHERE tenant_id = %s", globex, acme)
        with refused():
            copied = f"SELECT (jsonb_populate_record(t, %s::jsonb)).* FROM {table} AS t LIMIT 1"
            sql(f"INSERT INTO {table} {copied}", json.dumps({"tenant_id": str(globex)}))
    assert model._base_manager.filter(pk=theirs.pk).exists()


@pytest.mark.parametrize(("model", "field"), REFERENCES, ids=REFERENCE_NAMES)
def test_a_reference_into_another_tenant_is_refused_whoever_makes_it(cast: Cast, model: Any, field: Any):
    table, own = model._meta.db_table, row_of(model, cast.acme, cast)
    theirs = row_of(field.remote_field.model, cast.globex, cast)
    statement = f"UPDATE {table} SET {field.column} = %s WHERE id = %s"
    with pytest.raises(IntegrityError, match="refers to a row of another tenant"), transaction.atomic():
        sql(statement, theirs.pk, own.pk)
    with pytest.raises(IntegrityError, match="refers to a row of another tenant"), transaction.atomic():
        model._base_manager.filter(pk=own.pk).update(**{field.name: theirs})
    with tenancy.entered(cast.acme.tenant.pk):
        with pytest.raises(Error) as caught, transaction.atomic():
            sql(statement, theirs.pk, own.pk)
        assert isinstance(caught.value.__cause__, REFUSALS)
    own.refresh_from_db()
    assert getattr(own, field.attname) != theirs.pk


def test_there_are_references_to_guard():
    assert {"billing.Budget.api_key", "gateway.Model.provider", "gateway.RoutingTarget.model"} <= set(REFERENCE_NAMES)


def test_a_temporary_table_does_not_deceive_the_guard(cast: Cast):
    with tenancy.entered(cast.acme.tenant.pk):
        sql("CREATE TEMPORARY TABLE gateway_provider (id uuid, tenant_id uuid)")
        with pytest.raises(IntegrityError, match="refers to a row of another tenant"), transaction.atomic():
            Model.objects.create(
                tenant=cast.acme.tenant, provider=cast.globex.provider, name="smuggled", capabilities=["chat"]
            )


def test_the_operators_rows_may_be_referred_to_and_refer_to_no_tenants(cast: Cast):
    Model.objects.create(tenant=cast.acme.tenant, provider=cast.provider, name="own", capabilities=["chat"])
    with pytest.raises(IntegrityError, match="refers to a row of another tenant"), transaction.atomic():
        Model.objects.create(tenant=None, provider=cast.acme.provider, name="everybody's", capabilities=["chat"])


def test_a_row_stays_with_its_tenant(cast: Cast):
    for tenant in (cast.globex.tenant, None):
        with pytest.raises(IntegrityError, match="cannot move to another tenant"), transaction.atomic():
            Provider.objects.filter(pk=cast.acme.provider.pk).update(tenant=tenant)
    with pytest.raises(IntegrityError, match="cannot move to another tenant"), transaction.atomic():
        Provider.objects.filter(pk=cast.provider.pk).update(tenant=cast.acme.tenant)


def test_the_operators_rows_are_read_and_not_written(cast: Cast):
    with tenancy.entered(cast.acme.tenant.pk):
        assert Provider.objects.filter(pk=cast.provider.pk).update(name="mine") == 0
        assert Provider.objects.get(pk=cast.provider.pk).name == cast.provider.name
        with refused():
            Provider.objects.create(tenant=None, name="everybody's", kind="openai", credential="x")
        with refused():
            sql("UPDATE billing_plan SET name = 'free for all'")


def test_of_people_a_console_sees_the_members(cast: Cast):
    with tenancy.entered(cast.acme.tenant.pk):
        assert set(User.objects.all()) == {cast.alice, cast.ada, cast.bob, cast.vera}
        with refused():
            User.objects.filter(pk=cast.vera.pk).update(is_superuser=True)
        with refused():
            Membership.objects.create(tenant=cast.acme.tenant, user=cast.charlie, role="viewer")


def test_of_its_tenant_a_console_changes_the_name_and_the_time_zone_only(cast: Cast):
    with tenancy.entered(cast.acme.tenant.pk):
        assert list(Tenant.objects.values_list("pk", flat=True)) == [cast.acme.tenant.pk]
        sql("UPDATE tenants_tenant SET name = 'Acme 2', timezone = 'UTC'")
        for column, value in (("slug", "'mine'"), ("is_active", "true"), ("config_version", "1")):
            with refused():
                sql(f"UPDATE tenants_tenant SET {column} = {value}")
    assert Tenant.objects.get(pk=cast.acme.tenant.pk).name == "Acme 2"
    assert Tenant.objects.get(pk=cast.globex.tenant.pk).name == "Globex"


def test_a_partition_of_the_request_log_is_not_a_way_around(cast: Cast):
    partitions = sql(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'gateway_requestlog'::regclass"
    )
    assert len(partitions) > 2
    with tenancy.entered(cast.acme.tenant.pk):
        assert sql("SELECT count(*) FROM gateway_requestlog") == [(1,)]
        for (partition,) in partitions:
            with refused():
                sql(f"SELECT count(*) FROM {partition}")


def test_an_edit_in_a_console_raises_the_tenants_version_and_stands_in_its_trail(cast: Cast):
    def versions() -> dict[UUID, int]:
        return dict(Tenant.objects.values_list("pk", "config_version"))

    before = versions()
    with tenancy.entered(cast.acme.tenant.pk):
        task = Task.objects.get(pk=cast.acme.task.pk)
        task.name = "Renamed"
        task.save()
        assert audit.history_of(task)[0].changes_dict == {"name": ["Acme's task", "Renamed"]}
        theirs = audit.of_tenant(LogEntry.objects.all(), cast.globex.tenant)
        assert (theirs.count(), LogEntry.objects.exclude(additional_data__has_key="tenant_id").count()) == (0, 0)
        with refused():
            LogEntry.objects.filter(object_pk=str(task.pk)).delete()
    after = versions()
    assert after[cast.acme.tenant.pk] > before[cast.acme.tenant.pk]
    assert after[cast.globex.tenant.pk] == before[cast.globex.tenant.pk]


def test_the_role_alone_sees_nothing(cast: Cast):
    with transaction.atomic():
        sql("SET LOCAL ROLE tollgate_console")
        for model in OWNED:
            assert tenants_seen(model._meta.db_table) == set()
        assert sql("SELECT count(*) FROM tenants_tenant") == [(0,)]
        sql("RESET ROLE")


@pytest.fixture
def plain_owner(cast: Cast) -> None:
    """The service's login as it is elsewhere: it owns the tables, and is no superuser. Taken back with the test's transaction."""
    sql("SET CONSTRAINTS ALL IMMEDIATE")
    sql("CREATE ROLE plain_owner NOLOGIN")
    sql("GRANT tollgate_console TO plain_owner WITH SET TRUE, INHERIT FALSE")
    sql("GRANT CREATE, USAGE ON SCHEMA public TO plain_owner")
    for kind, name in sql(
        "SELECT CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, oid::regclass::text FROM pg_class"
        " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition"
        " UNION ALL SELECT 'FUNCTION', oid::regprocedure::text FROM pg_proc WHERE proname LIKE 'tollgate_%%'"
    ):
        sql(f"ALTER {kind} {name} OWNER TO plain_owner")
    sql("SET LOCAL ROLE plain_owner")


def test_a_service_that_owns_the_tables_and_is_no_superuser_sees_everything_until_it_enters_a_tenant(
    cast: Cast, plain_owner: None
):
    acme, globex = cast.acme.tenant.pk, cast.globex.tenant.pk
    for model in (EndUser, Provider):
        table = model._meta.db_table
        assert {acme, globex} <= tenants_seen(table)
        with transaction.atomic():
            sql("SELECT set_config('app.tenant_id', %s, true)", str(acme))  # as if the role had been lost on the way
            assert globex not in tenants_seen(table)
            assert changed(f"DELETE FROM {table} WHERE tenant_id = %s", globex) == 0
            sql("SELECT set_config('app.tenant_id', '', true)")
    version = Tenant.objects.get(pk=acme).config_version
    with transaction.atomic():
        sql("SELECT set_config('role', 'tollgate_console', true), set_config('app.tenant_id', %s, true)", str(acme))
        Provider.objects.filter(tenant=acme).update(
            name="renamed"
        )  # the trigger works with its owner's rights, past FORCE
        with pytest.raises(IntegrityError, match="refers to a row of another tenant"), transaction.atomic():
            Model.objects.create(tenant_id=acme, provider=cast.globex.provider, name="smuggled", capabilities=["chat"])
        sql("SELECT set_config('role', 'plain_owner', true), set_config('app.tenant_id', '', true)")
    assert Tenant.objects.get(pk=acme).config_version > version


def test_a_service_that_is_no_superuser_can_make_every_function(cast: Cast, plain_owner: None):
    """Only a superuser may give a function a parameter of nobody's, such as the tenant: `tests/tenants/test_plain_login.py` migrates."""
    with connection.schema_editor(atomic=False) as editor:
        rls.MakeTenantFunctions().database_forwards("tenants", editor, None, None)
        import_module("gateway.migrations.0021_rating_days").make_functions(apps, editor)
    functions = dict(sql("SELECT proname, coalesce(proconfig::text, '') FROM pg_proc WHERE proname LIKE 'tollgate_%%'"))
    assert functions.keys() >= {"tollgate_same_tenant", "tollgate_raise_config_version", "tollgate_note_feedback"}
    assert [name for name, parameters in functions.items() if "app." in parameters] == []


def test_what_the_database_does_by_itself_leaves_a_console_with_its_tenant(cast: Cast):
    acme = cast.acme.tenant.pk
    entered = "SELECT current_setting('app.tenant_id')"
    with tenancy.entered(acme):
        Provider.objects.filter(tenant=acme).update(name="renamed")
        assert sql(entered) == [(str(acme),)]
        Model.objects.create(tenant_id=acme, provider=cast.acme.provider, name="another", capabilities=["chat"])
        assert sql(entered) == [(str(acme),)]
        with pytest.raises(IntegrityError, match="refers to a row of another tenant"), transaction.atomic():
            Model.objects.create(tenant_id=acme, provider=cast.globex.provider, name="smuggled", capabilities=["chat"])
        assert sql(entered) == [(str(acme),)]
        assert tenants_seen("gateway_provider") - {None} == {acme}


def test_a_login_that_may_not_make_the_role_is_told_what_to_run(db: None):
    sql("CREATE ROLE plain_login NOLOGIN")
    sql("SET LOCAL ROLE plain_login")
    with pytest.raises(ImproperlyConfigured) as caught:
        rls.make_role(connection)
    assert "CREATE ROLE tollgate_console NOLOGIN;" in str(caught.value)
    assert "GRANT tollgate_console TO plain_login WITH SET TRUE, INHERIT FALSE;" in str(caught.value)
    sql("RESET ROLE")
    rls.make_role(connection)  # it is there: nothing to do


def test_a_login_that_may_make_roles_grants_itself_the_use_of_this_one(db: None):
    sql("CREATE ROLE plain_maker NOLOGIN CREATEROLE")
    sql(
        "GRANT tollgate_console TO plain_maker WITH ADMIN TRUE, SET FALSE, INHERIT FALSE"
    )  # as PostgreSQL gives it to a role's maker
    sql("SET LOCAL ROLE plain_maker")
    rls.make_role(connection)
    assert sql("SELECT pg_has_role('plain_maker', 'tollgate_console', 'SET')") == [(True,)]


@pytest.mark.django_db(transaction=True)
def test_databases_that_make_the_role_at_the_same_moment_all_succeed():
    """Roles are the server's: whoever comes second waits for the first. As a login that has to grant itself the use of it, too."""
    sql("CREATE ROLE plain_rival NOLOGIN CREATEROLE")
    ready, failures = threading.Barrier(4), []

    def migrate() -> None:
        try:
            sql("SET ROLE plain_rival")
            ready.wait()
            rls.make_role(connection, "tollgate_trial")
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=migrate) for _ in range(4)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert sql("SELECT pg_has_role('plain_rival', 'tollgate_trial', 'SET')") == [(True,)]
    finally:
        sql("DROP ROLE IF EXISTS tollgate_trial")
        sql("DROP ROLE plain_rival")
