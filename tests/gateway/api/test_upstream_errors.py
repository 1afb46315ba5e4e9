"""A provider that refuses or fails: its type and message on, our status, never a credential."""

from __future__ import annotations

import pytest

from tests.gateway.api.test_fallback import chain
from tests.gateway.live import CREDENTIAL

OPENAI, ANTHROPIC = "gpt-4o", "claude-sonnet-4-5"

# What the provider answers, what our caller sees.
STATUSES = {
    400: 400,
    401: 502,
    403: 502,
    404: 404,
    413: 413,
    422: 422,
    429: 429,
    500: 502,
    502: 502,
    503: 503,
    529: 503,
}


RETRIED = {429, 500, 502, 503, 529}


def call(world, surface: str, model: str, **fields):
    return world.chat(model, **fields) if surface == "openai" else world.message(model, **fields)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("model", [OPENAI, ANTHROPIC])
@pytest.mark.parametrize("surface", ["openai", "anthropic"])
@pytest.mark.parametrize("status", STATUSES)
def test_has_the_right_status_and_format(world, simulator, status, surface, model, stream):
    simulator.behave(fault=str(status), error_message="the provider's own words")
    reply = call(world, surface, model, stream=stream)
    assert reply.status == STATUSES[status]
    error = reply.json()["error"]
    assert "the provider's own words" in error["message"]
    assert error["type"]
    assert ("request_id" in reply.json()) == (surface == "anthropic")
    assert reply.headers["x-tollgate-model"] == model
    assert reply.headers["x-tollgate-cost-usd"] == "0.000000000"
    record = world.record(reply.headers["x-request-id"])
    assert (record.status, record.outcome) == (STATUSES[status], "upstream_error")
    calls = 3 if status in RETRIED else 1
    assert (record.cost_usd, record.output_tokens, record.attempt) == (0, 0, calls)
    assert simulator.totals()["requests"] == calls


def test_a_provider_s_error_type_is_kept(world, simulator):
    simulator.behave(fault="529")
    assert world.message().json()["error"]["type"] == "overloaded_error"
    simulator.behave(fault="404")
    assert world.message().json()["error"]["type"] == "not_found_error"


@pytest.mark.parametrize("surface", ["openai", "anthropic"])
def test_the_provider_s_wish_to_wait_is_passed_on(world, simulator, surface):
    simulator.behave(fault="429", retry_after=7)
    reply = call(world, surface, OPENAI)
    assert reply.headers["retry-after"] == "7"
    assert "x-should-retry" not in reply.headers


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("model", [OPENAI, ANTHROPIC])
def test_a_credential_in_a_provider_s_message_is_not_shown_or_logged(world, simulator, gateway, model, stream):
    simulator.behave(fault="credential_echo")
    reply = world.chat(model, stream=stream)
    assert reply.status >= 400
    assert CREDENTIAL not in reply.body.decode()
    assert "***" in reply.json()["error"]["message"]
    record = world.record(reply.headers["x-request-id"])
    assert CREDENTIAL not in record.error_message
    assert CREDENTIAL not in gateway.log()


def test_a_refused_credential_is_ours_to_mend_and_sdks_do_not_retry(world, simulator):
    simulator.behave(fault="401")
    reply = world.chat()
    assert reply.json()["error"]["code"] == "upstream_credential_refused"
    assert reply.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("surface", ["openai", "anthropic"])
@pytest.mark.parametrize("model", [OPENAI, ANTHROPIC])
@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("reset", 502, "upstream_broke_off"),
        ("cut", 502, "upstream_broke_off"),
        ("bad_json", 502, "upstream_failed"),
        ("empty", 502, "upstream_failed"),
        ("garbage_content_type", 502, "upstream_failed"),
    ],
)
def test_a_broken_answer_is_a_gateway_error(world, simulator, surface, model, fault, status, code):
    simulator.behave(fault=fault)
    reply = call(world, surface, model)
    assert reply.status == status
    assert reply.json()["error"]["message"]
    assert world.record(reply.headers["x-request-id"]).error_type == code


@pytest.mark.parametrize("surface", ["openai", "anthropic"])
@pytest.mark.parametrize("model", [OPENAI, ANTHROPIC])
def test_an_answer_that_does_not_come_times_out(hasty, simulator, surface, model):
    simulator.behave(fault="hang")
    reply = call(hasty, surface, model)
    assert reply.status == 504
    assert reply.json()["error"]["message"]
    assert hasty.record(reply.headers["x-request-id"]).error_type == "upstream_timeout"


@pytest.mark.parametrize("surface", ["openai", "anthropic"])
def test_a_stream_whose_first_byte_does_not_come_times_out(hasty, simulator, surface):
    simulator.behave(fault="hang")
    reply = call(hasty, surface, OPENAI, stream=True)
    assert reply.status == 504


def test_a_provider_that_is_not_there_is_a_502(world):
    provider = world.providers["openai"]
    provider.base_url = "http://127.0.0.1:9/v1"
    provider.save()
    reply = world.chat()
    assert (reply.status, reply.json()["error"]["code"]) == (502, "upstream_unreachable")
    assert CREDENTIAL not in reply.body.decode()


def test_redirects_are_not_followed(world, simulator):
    provider = world.providers["openai"]
    provider.base_url = world.gateway.url + "/admin"  # answers with a redirect to its login page
    provider.save()
    assert world.chat().status in {404, 502}
    assert simulator.requests() == []


OUT_OF_CREDIT = {
    "OpenAI": (OPENAI, {"fault": "insufficient_quota"}),
    "Anthropic": (ANTHROPIC, {"fault": "insufficient_quota"}),
    "anyone, by its status": (OPENAI, {"status": 402, "error_message": "Payment required."}),
}


@pytest.mark.parametrize("who", OUT_OF_CREDIT)
def test_a_provider_s_account_without_credit_is_no_fault_of_the_request_s(world, simulator, who):
    model, behaviour = OUT_OF_CREDIT[who]
    simulator.behave(**behaviour)
    reply = world.chat(model)
    assert (reply.status, reply.json()["error"]["code"]) == (502, "upstream_out_of_credit")
    assert reply.headers["x-should-retry"] == "false"
    assert simulator.totals()["requests"] == 1


def test_where_an_account_has_no_credit_the_next_model_answers(world, simulator):
    world.model("poor", "anthropic", upstream_id="claude-sonnet-4-5?fault=insufficient_quota")
    chain(world, "poor", "gpt-4o")
    reply = world.chat("task/chain")
    assert (reply.status, reply.headers["x-tollgate-model"]) == (200, "gpt-4o")
    assert reply.headers["x-tollgate-fallback-from"] == "poor: upstream_out_of_credit"


def test_what_a_provider_says_is_not_to_be_retried_is_not(world, simulator):
    simulator.behave(fault="429", should_retry=False)
    reply = world.chat()
    assert (reply.status, reply.headers["x-should-retry"]) == (429, "false")
    assert simulator.totals()["requests"] == 1


@pytest.mark.parametrize("header", [{"retry-after": "9" * 400}, {"retry-after-ms": "inf"}, {"retry-after-ms": "nan"}])
def test_a_wish_to_wait_that_is_no_time_is_no_fault_of_ours(world, simulator, header):
    simulator.behave(fault="429", headers=header, should_retry=False)
    reply = world.chat()
    assert reply.status == 429
    assert 1 <= int(reply.headers["retry-after"]) <= 86_400
