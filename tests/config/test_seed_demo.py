"""The demonstration: made once, the same at each run, and never over what a person changed."""

import io
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.urls import reverse

from config import demo
from gateway.models import Model, Provider, RoutingRule, Task
from tenants import api_keys
from tenants.models import ApiKey, Tenant
from tests.cast import at_work

pytestmark = pytest.mark.django_db

URL = "http://127.0.0.1:9100"


@pytest.fixture(autouse=True)
def var_dir(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    settings.VAR_DIR = tmp_path
    for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def seed(url: str = URL) -> dict[str, str]:
    out = io.StringIO()
    call_command("seed_demo", "--json", *(["--simulator-url", url] if url else []), stdout=out)
    (line,) = out.getvalue().splitlines()
    result: dict[str, str] = json.loads(line)
    return result


def provider(name: str) -> Provider:
    return Provider.objects.get(tenant=None, name=name)


def test_says_who_may_log_in_and_what_to_call(var_dir: Path):
    result = seed()
    assert list(result) == [
        "operator_email", "operator_password", "admin_email", "admin_password", "api_key", "model", "task", "upstream",
    ]  # fmt: skip
    assert User.objects.get(username=result["operator_email"]).check_password(result["operator_password"])
    assert User.objects.get(username=result["admin_email"]).check_password(result["admin_password"])
    key = ApiKey.objects.get(secrets__secret_sha256=api_keys.digest(result["api_key"]))
    assert (key.tenant.slug, key.is_usable) == ("acme", True)
    assert (result["upstream"], result["task"]) == ("simulator", "task/summarise")
    assert stat.S_IMODE((var_dir / "demo.json").stat().st_mode) == 0o600


def test_every_model_has_a_price_and_every_row_is_valid():
    from django.utils import timezone

    seed()
    for model in Model.objects.filter(tenant=None, name__in=[wanted.name for wanted in demo.MODELS]):
        assert model.price_at(timezone.now()) is not None, model
        model.full_clean()
    for kind in (Task, RoutingRule):
        for row in kind.objects.all():
            row.full_clean()
    for row in Provider.objects.filter(name__in=["openai", "anthropic"], tenant=None):
        row.full_clean()


def test_a_second_run_changes_nothing_and_says_the_same():
    first = seed()
    versions = list(Tenant.objects.order_by("pk").values_list("config_version", flat=True))
    assert seed() == first
    assert list(Tenant.objects.order_by("pk").values_list("config_version", flat=True)) == versions


def test_the_simulators_address_is_followed():
    seed()
    assert (provider("openai").base_url, provider("anthropic").base_url) == (f"{URL}/v1", URL)
    seed("http://127.0.0.1:9200/")
    assert (provider("openai").base_url, provider("anthropic").base_url) == (
        "http://127.0.0.1:9200/v1",
        "http://127.0.0.1:9200",
    )


def test_what_a_person_changed_stays():
    seed()
    Provider.objects.filter(tenant=None, name="openai").update(base_url="http://10.0.0.5/v1", kind="openai-compatible")
    row = provider("openai")
    row.credential = "sk-of-a-person"
    row.save()
    Tenant.objects.filter(slug="acme").update(name="Acme Corp")
    Model.objects.get(tenant=None, name="text-embedding-3-small").delete()
    seed("http://127.0.0.1:9200")
    assert (provider("openai").base_url, provider("openai").credential) == ("http://10.0.0.5/v1", "sk-of-a-person")
    assert Tenant.objects.get(slug="acme").name == "Acme Corp"
    assert not Model.objects.filter(tenant=None, name="text-embedding-3-small").exists()


def test_deleted_logins_and_keys_come_back_with_the_same_secrets():
    first = seed()
    User.objects.filter(username=first["admin_email"]).delete()
    ApiKey.objects.filter(secrets__secret_sha256=api_keys.digest(first["api_key"])).delete()
    assert seed() == first
    assert User.objects.get(username=first["admin_email"]).memberships.get().role == "admin"


def test_a_revoked_key_stays_revoked_and_is_followed_by_another():
    first = seed()
    key = ApiKey.objects.get(secrets__secret_sha256=api_keys.digest(first["api_key"]))
    api_keys.revoke(key)
    second = seed()
    assert second["api_key"] != first["api_key"]
    assert not ApiKey.objects.get(pk=key.pk).is_usable


def test_a_password_that_was_changed_is_not_told():
    result = seed()
    user = User.objects.get(username=result["operator_email"])
    user.set_password("another one entirely")
    user.save()
    assert seed()["operator_password"] == "(changed since)"


def test_a_real_credential_replaces_the_simulator(monkeypatch: pytest.MonkeyPatch):
    assert seed()["upstream"] == "simulator"
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-real")
    result = seed()
    assert result["upstream"] == "anthropic + simulator"
    assert result["model"].startswith("claude")
    assert (provider("anthropic").base_url, provider("anthropic").credential) == ("", "sk-ant-real")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-real")
    assert seed("")["upstream"] == "providers"


def test_without_a_simulator_and_a_credential_a_provider_waits_switched_off():
    assert seed("")["upstream"] == "nobody"
    assert not provider("openai").is_active
    assert seed()["upstream"] == "simulator"
    assert provider("openai").is_active


def test_acmes_admin_gets_in_and_sees_nothing_of_globex():
    result = seed()
    client = at_work(User.objects.get(username=result["admin_email"]))
    for name in ("tenants_tenant", "tenants_apikey", "tenants_enduser", "gateway_cachepolicy"):
        content = client.get(reverse(f"admin:{name}_changelist"), follow=True).content.decode()
        assert "Acme" in content
        assert "lobex" not in content
