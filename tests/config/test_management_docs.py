"""The management API's OpenAPI document: every address, what may be sent, and the errors; in a console with that tenant's addresses."""

from typing import Any

import pytest
import yaml
from django.test import Client

from config import management_urls
from tests.cast import Cast, cast, in_console

__all__ = ["cast"]

METHODS = {"list": "get", "retrieve": "get", "create": "post", "partial_update": "patch", "destroy": "delete"}


@pytest.fixture(scope="module")
def document(django_db_setup: None) -> Any:
    response = Client().get("/api/v1/schema/")
    assert response.status_code == 200
    return yaml.safe_load(response.content)


def test_every_route_is_described(document: Any):
    described = {path.removeprefix("/api/v1/") for path in document["paths"]}
    routed = set()
    for pattern in management_urls.urlpatterns[:-1]:
        route = str(pattern.pattern)
        for converter in ("uuid", "int", "month"):
            route = route.replace(f"<{converter}:", "{")
        routed.add(route.replace(">", "}").replace("{pk}", "{id}"))
    assert len(routed) > 40
    assert described == routed


def test_operations_have_names_of_their_own_and_say_what_goes_wrong(document: Any):
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)
    assert {"list_budgets", "create_keys", "rotate_keys", "purge_cache_policies", "retrieve_statements"} <= set(names)
    for operation in operations:
        assert {"400", "401", "403", "404"} <= set(operation["responses"]), operation["operationId"]
        assert operation["security"] == [{"managementKey": []}, {"consoleSession": []}]


def test_what_is_shown_once_and_what_is_never_shown_is_described_so(document: Any):
    schemas = document["components"]["schemas"]
    assert schemas["ProviderRow"]["properties"].get("credential") is None or schemas["ProviderRow"]["properties"][
        "credential"
    ].get("writeOnly")
    assert "secret" not in schemas["KeyRow"]["properties"]
    create = document["paths"]["/api/v1/keys"]["post"]
    assert create["responses"]["201"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/KeyMade"
    }
    assert "Idempotency-Key" in [item["name"] for item in create["parameters"]]
    listed = document["paths"]["/api/v1/keys"]["get"]
    assert {"limit", "cursor", "state", "name"} <= {item["name"] for item in listed["parameters"]}


def test_the_applications_document_is_about_what_applications_call():
    paths = yaml.safe_load(Client().get("/api/schema/").content)["paths"]
    assert "/v1/chat/completions" in paths
    assert not [path for path in paths if path.startswith("/api/")]


@pytest.mark.django_db
def test_in_a_console_the_addresses_are_its_tenants(cast: Cast):
    home = f"/t/{cast.acme.tenant.slug}/"
    vera = in_console(cast.vera, cast.acme.tenant)
    assert yaml.safe_load(vera.get(f"{home}api/v1/schema/").content)["servers"] == [{"url": home.rstrip("/")}]


def test_streams_are_in_the_applications_document():
    paths = yaml.safe_load(Client().get("/api/schema/").content)["paths"]
    for path, kinds in (
        ("/v1/chat/completions", {"application/json", "text/event-stream"}),
        ("/v1/messages", {"application/json", "text/event-stream"}),
        ("/v1/embeddings", {"application/json"}),
    ):
        assert set(paths[path]["post"]["responses"]["200"]["content"]) == kinds
