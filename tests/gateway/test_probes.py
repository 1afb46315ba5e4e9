"""A connection that works is known by the provider's models; one that does not is told by its cause, never by its key."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from gateway import probe_words, probes
from gateway.probes import Fault, Report
from gateway.types import Provider, Secret
from simulator import model_catalogue

if TYPE_CHECKING:
    from tests.billing.alert_receiver import Receiver

pytest_plugins = ["tests.billing.alert_receiver"]
pytestmark = pytest.mark.usefixtures("allow_loopback")

KEY = "sk-ant-of-acme-0123456789"
KINDS = ["openai", "openai-compatible", "anthropic"]


def at(url: str, *, kind: str = "openai-compatible", key: str = KEY, **more: Any) -> Provider:
    return Provider(id=uuid4(), name="theirs", kind=kind, base_url=url, credential=Secret(key), **more)


@pytest.fixture
def url(simulator_process: Any, simulator: Any) -> Any:
    return lambda kind: simulator_process.base_url + ("" if kind == "anthropic" else "/v1")


@pytest.mark.parametrize("kind", KINDS)
def test_a_connection_that_works_tells_the_providers_models(url: Any, simulator: Any, kind: str):
    report = probes.probe(at(url(kind), kind=kind))
    names = model_catalogue.ANTHROPIC_MODELS if kind == "anthropic" else model_catalogue.OPENAI_MODELS
    assert (report.fault, [item.id for item in report.models]) == (None, sorted(names))
    assert report.models[0].context_window == (1_000_000 if kind == "anthropic" else None)
    (request,) = simulator.requests()
    assert (request["method"], request["path"].partition("?")[0]) == ("GET", "/v1/models")
    assert dict(request["headers"])["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("kind", KINDS)
def test_one_model_is_asked_for_a_shortest_answer(url: Any, simulator: Any, kind: str):
    report = probes.probe(at(url(kind), kind=kind), model="sim-x")
    assert (report.fault, [item.id for item in report.models]) == (None, ["sim-x"])
    (request,) = simulator.requests()
    body = request["body"]
    assert (request["method"], body["model"]) == ("POST", "sim-x")
    assert body.get("max_tokens", body.get("max_completion_tokens")) <= 16


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_key_is_told_and_not_repeated(url: Any, kind: str):
    key = "sk-invalid-0123456789-abcdef"
    report = probes.probe(at(url(kind), kind=kind, key=key))
    assert (report.fault, report.status) == (Fault.WRONG_KEY, 401)
    assert key not in repr(report)
    explained = probe_words.explained(report, kind=kind, base_url=url(kind))
    assert explained is not None
    assert (explained.field, explained.title) == ("credential", "127.0.0.1 does not accept this key.")


@pytest.mark.parametrize(
    ("fault", "model", "found", "field"),
    [
        ("403", "", Fault.NO_PERMISSION, "credential"),
        ("insufficient_quota", "", Fault.NO_CREDIT, "credential"),
        ("429", "", Fault.RATE_LIMITED, ""),
        ("404", "", Fault.NO_LISTING, "base_url"),
        ("404", "sim-x", Fault.MODEL_UNKNOWN, "model"),
        ("500", "", Fault.OVERLOADED, ""),
        ("529", "", Fault.OVERLOADED, ""),
        ("408", "", Fault.TIMEOUT, "base_url"),
        ("422", "", Fault.REFUSED, ""),
        ("reset", "", Fault.UNREACHABLE, "base_url"),
        ("empty", "", Fault.UNREADABLE, "base_url"),
        ("bad_json", "sim-x", Fault.UNREADABLE, "base_url"),
        ("garbage_content_type", "", Fault.OVERLOADED, ""),
    ],
)
def test_each_cause_is_told_apart_and_stands_beside_its_field(
    url: Any, simulator: Any, fault: str, model: str, found: Fault, field: str
):
    simulator.behave(fault=fault)
    report = probes.probe(at(url("openai-compatible")), model=model)
    explained = probe_words.explained(report, kind="openai-compatible", base_url=url("openai-compatible"))
    assert explained is not None
    assert (report.fault, explained.field) == (found, field)
    assert len(simulator.requests()) == 1  # nothing is retried


@pytest.mark.parametrize(("kind", "path"), [("openai", ""), ("anthropic", "/v1"), ("openai", "/v2")])
def test_the_wrong_path_of_the_right_host_is_told(simulator_process: Any, kind: str, path: str):
    assert probes.probe(at(simulator_process.base_url + path, kind=kind)).fault is Fault.WRONG_URL


def test_a_page_for_people_is_told(receiver: Receiver):
    receiver.answer_body, receiver.answer_headers = b"<html>Hello</html>", {"content-type": "text/html"}
    for kind in KINDS:
        for model in ("", "gpt-4o"):
            assert probes.probe(at(receiver.url, kind=kind), model=model).fault is Fault.UNREADABLE
    receiver.answer_headers = {"content-type": "application/json"}
    for body in ("[]", "{}", '{"data": 1}', '{"data": [1]}', '{"data": [{"id": null}]}', '"x"', "null"):
        receiver.answer_body = body.encode()
        for kind in KINDS:
            report = probes.probe(at(receiver.url, kind=kind))
            assert report.fault is Fault.UNREADABLE or (body == "{}" and not report.models), (kind, body, report)


def test_a_redirect_is_told_and_not_followed(receiver: Receiver):
    receiver.status, receiver.answer_headers = 301, {"location": "http://169.254.169.254/v1/models"}
    assert probes.probe(at(receiver.url)).fault is Fault.WRONG_URL
    assert receiver.connections == 1


def test_who_does_not_answer_is_waited_for_only_so_long(receiver: Receiver, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tenants.outbound_httpx.CONNECT_SECONDS", 0.3)
    receiver.is_hanging = True
    for kind in KINDS:
        assert probes.probe(at(receiver.url, kind=kind)).fault is Fault.TIMEOUT


@contextmanager
def closed_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]  # bound, and not listening


def test_nobody_there_and_not_allowed_are_told_apart():
    with closed_port() as port:
        assert probes.probe(at(f"http://127.0.0.1:{port}/v1")).fault is Fault.UNREACHABLE
    assert probes.probe(at("http://10.0.0.1/v1")).fault is Fault.NOT_ALLOWED
    assert probes.probe(at("http://no-such-name.invalid/v1")).fault is Fault.NOT_ALLOWED


def test_a_port_without_tls_is_told(receiver: Receiver):
    assert probes.probe(at(receiver.url.replace("http:", "https:"))).fault is Fault.TLS


def test_without_a_credential_none_is_sent_and_the_operators_environment_stays_at_home(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    for name in (
        "OPENAI_API_KEY",
        "OPENAI_ADMIN_KEY",
        "OPENAI_ORG_ID",
        "OPENAI_PROJECT_ID",
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_AUTH_TOKEN",
    ):
        monkeypatch.setenv(name, "of-the-operator")
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "x-secret: of-the-operator")
    receiver.answer_body = json.dumps({"data": [], "has_more": False}).encode()
    receiver.answer_headers = {"content-type": "application/json"}
    for kind in KINDS:
        for key in ("", KEY):
            assert probes.probe(at(receiver.url, kind=kind, key=key)).fault is None
            sent = receiver.received[-1].headers
            assert "of-the-operator" not in str(sent)
            assert ("authorization" in sent) is bool(key)


def test_the_operators_own_provider_may_be_anywhere(url: Any, settings: Any):
    settings.OUTBOUND_ALLOW = []
    assert probes.probe(at(url("openai"), kind="openai", is_guarded=False)).fault is None
    assert probes.probe(at(url("openai"), kind="openai")).fault is Fault.NOT_ALLOWED


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("kind", KINDS)
def test_every_fault_has_words(fault: Fault, kind: str):
    explained = probe_words.explained(Report(fault), kind=kind, base_url="https://api.example.com/v1")
    assert explained is not None
    assert "api.example.com" in explained.title
    assert "%(" not in explained.title + explained.advice
    assert probe_words.SHORT[fault]
