"""What of a request is its question, and that everything else in it keeps scopes apart."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from gateway.caching import questions
from gateway.caching.questions import Question
from tests.gateway.caching.test_fingerprints import plan, raw, request
from tests.gateway.routing.ground import model

ACME, GLOBEX = UUID(int=1), UUID(int=2)
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "found"}


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def question(*messages: dict[str, Any], **fields: Any) -> Question:
    found = questions.read(request(messages=list(messages), **fields))
    assert isinstance(found, Question)
    return found


def test_it_is_the_text_of_the_user_s_last_message():
    assert question(user("first"), {"role": "assistant", "content": "hi"}, user("last")).text == "last"
    parts = [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]
    assert question(user(parts)).text == "one\ntwo"
    assert question(user("asked"), {"role": "assistant", "content": "begun"}).text == "asked"
    assert question(user("asked"), user([{"type": "image_url", "image_url": {"url": "https://x/1"}}])).text == "asked"


@pytest.mark.parametrize(
    ("messages", "why"),
    [
        ([{"role": "system", "content": "Be brief."}], "no question of the user's"),
        ([user(" ")], "no question of the user's"),
        ([user([{"type": "image_url", "image_url": {"url": "https://x/1"}}])], "no question of the user's"),
        ([user("a" * 8001)], "longer than 8000 characters"),
    ],
)
def test_some_requests_have_none(messages, why):
    assert questions.read(request(messages=messages)) == why


def test_only_the_question_s_text_is_left_out_of_what_must_be_equal():
    base = question(user("one")).rest
    assert question(user("another")).rest == base
    others = [
        question(user("one"), user("one")),
        question({"role": "system", "content": "one"}, user("one")),
        question(user("one"), {"role": "assistant", "content": "one"}),
        question(user([{"type": "text", "text": "one"}])),
        question(user([{"type": "text", "text": "one"}, {"type": "text", "text": ""}])),
        question({**user("one"), "name": "ada"}),
        question(user("one"), temperature=0),
        question(user("one"), x_future=None),
    ]
    assert len({base, *(other.rest for other in others)}) == len(others) + 1


def test_results_of_tools_make_an_agent_s_turn_and_belong_to_the_rest():
    turn = question(user("one"), RESULT)
    assert (turn.text, turn.is_agent_turn) == ("one", True)
    assert question(user("one"), {**RESULT, "content": "nothing"}).rest != turn.rest
    assert not question(user("one"), RESULT, user("and now?")).is_agent_turn
    used = user([{"type": "tool_result", "tool_use_id": "t", "content": "found"}, {"type": "text", "text": "so?"}])
    assert (question(user("one"), used).text, question(user("one"), used).is_agent_turn) == ("so?", True)


def test_the_scope_tells_tenants_end_users_routes_and_embedders_apart():
    asked, one, two = request(messages=[user("one")]), plan(model("one")), plan(model("two"))
    found = questions.read(asked)
    assert isinstance(found, Question)

    def scope(tenant_id: UUID = ACME, route: Any = one, end_user: str = "", embedder: str = "minilm") -> bytes:
        return questions.scope(tenant_id, asked, route, found, end_user=end_user, embedder=embedder)

    assert scope() == scope()
    assert len({scope(), scope(GLOBEX), scope(route=two), scope(end_user="ada"), scope(embedder="other")}) == 5
    assert len(scope()) == 32


def test_a_name_that_stands_twice_is_refused():
    body = b'{"model":"m","messages":[{"role":"user","content":"planted","content":"one"}]}'
    assert questions.read(raw(body)) == "a name stands twice in an object"
