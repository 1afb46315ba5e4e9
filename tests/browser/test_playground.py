"""The playground in a real browser: an answer streams in, two are compared, one is rated, and the call is copied as code."""

from __future__ import annotations

import json
import re
import shlex
import sys
import types
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any
from unittest import mock

import pytest
from django_redis import get_redis_connection
from playwright.sync_api import Page, expect

from gateway import drain, votes
from gateway.models import Feedback, RequestLog
from tenants import playground
from tenants.models import ApiKey
from tests.browser.browsing import NARROW, WIDE, Visitor
from tests.browser.provider import Simulated, simulated
from tests.cast import Cast
from tests.gateway.live import wait_until

Visit = Callable[..., Visitor]
NOTED = """text => {
    window.noted = [];
    const note = () => window.noted.push([text.innerText, document.activeElement.id]);
    new MutationObserver(note).observe(text, { childList: true, characterData: true, subtree: true });
}"""
BESIDE = """() => {
    const [one, other] = ["a", "b"].map(name => document.querySelector(`#pg-answer-${name}`).getBoundingClientRect());
    return one.top === other.top && one.right <= other.left;
}"""
DRAFTED = "text => Object.keys(localStorage).some(key => key.endsWith('.draft') && localStorage[key].includes(text))"
EVIL = """# Title

<img src=x onerror="window.pwned = 1"><script>window.pwned = 2</script>

![picture](http://192.0.2.1/track.png) [click](javascript:window.pwned=3) [web](https://example.com/x)

```html
<b>code</b>
```

| a | b |
|---|---|
| 1 | **2** |
"""


@pytest.fixture(scope="module")
def provider(live_cast: Cast, django_db_blocker: Any) -> Iterator[Simulated]:
    with django_db_blocker.unblock(), simulated(live_cast.acme.tenant) as made:
        made.model("quick", output_text="The quick answer.")
        made.model("slow", output_text="One two three four five six seven eight nine ten.", chunk_ms=120)
        made.model("endless", output_text=f"One{' more' * 300}", chunk_ms=100)
        made.model("evil", output_text=EVIL)
        made.model("broken", status=500)
        yield made


def open_page(visit: Visit, cast: Cast, **options: Any) -> Page:
    page = visit(**{"user": cast.bob, **options}).goto(f"/t/{cast.acme.tenant.slug}/playground/")
    expect(page.locator("#playground[data-ready]")).to_be_visible()
    return page


def ask(page: Page, text: str, model: str = "quick") -> None:
    page.get_by_label("Task or model").select_option(model)
    page.get_by_label("Text of turn 1").fill(text)


def answer(page: Page, name: str = "a") -> Any:
    return page.locator(f"#pg-answer-{name}")


def drained(cast: Cast) -> None:
    drain.drain(get_redis_connection("default"), cast.acme.tenant.pk)


def test_an_answer_streams_in_is_rated_remembered_and_copied_as_code(
    visit: Visit, live_cast: Cast, provider: Simulated
):
    page = open_page(visit, live_cast)
    expect(page.get_by_text("The answer appears here")).to_be_visible()
    page.get_by_label("System prompt").fill("Be brief.")
    ask(page, "Count to ten", "slow")
    text = answer(page).locator("[data-part=text]")
    text.evaluate(NOTED)
    page.keyboard.press("Control+Enter")
    expect(answer(page).locator("[data-part=state]")).to_have_text("Done")
    expect(text).to_have_text("One two three four five six seven eight nine ten.")
    noted = page.evaluate("window.noted")  # what could be seen while it was still coming, and where the focus was
    assert {focus for said, focus in noted if "One two" in said and "ten" not in said} == {"pg-stop"}
    expect(answer(page).locator("[data-fact=cost]")).to_have_text(re.compile(r"^\$0\.000\d+$"))
    expect(answer(page).locator("[data-fact=first]")).to_have_text(re.compile(r"^\d+ ms$"))
    expect(answer(page).locator("[data-fact=time]")).to_have_text(re.compile(r"s$"))
    expect(answer(page).locator("[data-fact=tokens]")).to_have_text(re.compile(r"^\d+ in, \d+ out$"))
    expect(answer(page).locator("[data-fact=served]")).to_have_text("slow at simulated")
    page.get_by_text("Route and headers").first.click()
    expect(answer(page)).to_contain_text("No rule matches: the model that was asked for is called.")
    expect(answer(page).locator("[data-part=headers]")).to_contain_text("x-tollgate-model")
    trace = answer(page).locator("[data-part=trace]")
    expect(trace).to_have_text("Its trace is being written. The link to it appears here in a moment.")

    page.get_by_role("button", name="Bad answer").click()
    page.get_by_role("button", name="Too long").click()
    page.get_by_label("Comment").fill("<b>Three</b> would do.")
    page.get_by_role("button", name="Send").click()
    expect(answer(page)).to_contain_text("Thank you.")
    drained(live_cast)
    votes.match()
    vote = wait_until(
        lambda: Feedback.objects.filter(comment="<b>Three</b> would do.", matched_at__isnull=False).first()
    )
    assert (vote.rating, vote.reasons, vote.source) == ("down", ["too_long"], "playground")
    assert (vote.end_user, vote.model) == (live_cast.bob.username, "slow")
    home = f"/t/{live_cast.acme.tenant.slug}/"
    trace_url = f"{home}gateway/requestlog/{vote.request_id}/change/"
    expect(trace.get_by_role("link", name="Open its trace")).to_have_attribute("href", trace_url)
    request = RequestLog.objects.get(request_id=vote.request_id)
    assert (request.is_stream, request.outcome, request.tags) == (
        True,
        "ok",
        ["playground", f"by:{live_cast.bob.username}"],
    )
    assert request.api_key_id == playground.state(live_cast.acme.tenant).key.pk  # type: ignore[union-attr]
    (sent,) = provider.simulator.requests(model="slow")
    assert [message["role"] for message in sent["body"]["messages"]] == ["system", "user"]

    page.get_by_role("button", name="Copy as code").click()
    code = page.locator("#pg-code-text")
    expect(code).to_contain_text("curl")
    expect(code).to_contain_text("Count to ten")
    page.get_by_role("button", name="Python, anthropic").click()
    expect(code).to_contain_text('system="Be brief."')
    assert "tgp-" not in code.inner_text()
    page.keyboard.press("Escape")

    page.get_by_role("button", name="Go on from here").click()
    expect(page.get_by_label("Text of turn 2")).to_have_value("One two three four five six seven eight nine ten.")
    expect(page.get_by_label("Text of turn 3")).to_be_focused()

    page.wait_for_function(DRAFTED, arg="eight nine ten.")  # it is kept a moment after the last key
    page.reload()
    expect(page.get_by_label("Text of turn 2")).to_have_value("One two three four five six seven eight nine ten.")
    page.get_by_role("button", name="History").click()
    page.get_by_role("button", name="Count to ten").click()
    expect(page.get_by_label("Text of turn 1")).to_have_value("Count to ten")
    expect(page.locator("#pg-turns > li")).to_have_count(1)
    expect(answer(page).locator("[data-part=text]")).to_have_text("One two three four five six seven eight nine ten.")


def test_two_are_compared_on_a_narrow_dark_screen_and_what_a_model_writes_can_do_nothing(
    visit: Visit, live_cast: Cast, provider: Simulated
):
    window = visit(user=live_cast.bob, theme="dark", viewport=NARROW)
    page = window.page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    window.goto(f"/t/{live_cast.acme.tenant.slug}/playground/")
    expect(page.locator("#playground[data-ready]")).to_be_visible()
    page.get_by_label("Compare two").check()
    ask(page, "Which is safer?", "quick")
    page.get_by_label("Compared with").select_option("evil")
    page.get_by_role("button", name="Run").click()
    expect(answer(page, "a").locator("[data-part=text]")).to_have_text("The quick answer.")
    expect(answer(page, "b").locator("[data-part=state]")).to_have_text("Done")
    rows = page.locator("#pg-comparison tbody tr")
    expect(rows).to_have_count(4)
    expect(page.locator("#pg-comparison thead")).to_contain_text("quickevilDifference")
    expect(rows.first).to_contain_text(re.compile(r"Cost\$0\.0+\d+\$0\.0+\d+\+\d+ %"))

    text = answer(page, "b").locator("[data-part=text]")
    expect(text.locator("h1")).to_have_text("Title")
    expect(text.locator("td strong")).to_have_text("2")
    expect(text.locator("pre code")).to_have_text("<b>code</b>\n")
    assert "<img src=x onerror=" in text.inner_text()
    assert text.locator("img, script, b").count() == 0
    links = text.locator("a").all()  # of a picture, nothing is left but the way to it
    assert [link.get_attribute("href") for link in links] == ["http://192.0.2.1/track.png", "https://example.com/x"]
    assert {link.get_attribute("rel") for link in links} == {"noopener noreferrer nofollow"}
    assert page.evaluate("window.pwned") is None
    assert not [url for url in asked if "192.0.2.1" in url]

    for details in page.get_by_text("Route and headers").all():
        details.click()
    page.get_by_role("button", name="Bad answer").first.click()
    assert window.violations() == []
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    page.set_viewport_size(WIDE)
    page.wait_for_function(BESIDE)


def test_a_stream_can_be_stopped_and_what_goes_wrong_is_said_with_what_to_do(
    visit: Visit, live_cast: Cast, provider: Simulated
):
    window = visit(user=live_cast.ada)
    page = window.page
    page.clock.install()
    given: list[str] = []
    page.on(
        "request", lambda request: given.append(request.url) if request.url.endswith("/playground/token/") else None
    )
    window.goto(f"/t/{live_cast.acme.tenant.slug}/playground/")
    expect(page.locator("#playground[data-ready]")).to_be_visible()
    problem = answer(page).locator("[data-part=problem]")
    page.get_by_role("button", name="Run").click()
    expect(page.locator("#pg-notice")).to_have_text("Write something first: the conversation is empty.")
    ask(page, "Stop me", "endless")
    page.get_by_role("button", name="Run").click()
    expect(answer(page).locator("[data-part=text]")).to_contain_text("One more")
    page.get_by_role("button", name="Stop").click()
    expect(answer(page).locator("[data-part=state]")).to_contain_text("Stopped.")
    expect(page.get_by_role("button", name="Run")).to_be_focused()
    assert answer(page).locator("[data-part=text]").inner_text().count("more") < 300

    ask(page, "Fail", "broken")
    page.keyboard.press("Control+Enter")
    expect(problem).to_contain_text("The provider failed. Try again, or choose another model.")
    key = ApiKey.objects.get(tenant=live_cast.acme.tenant, kind="playground")
    key.usd_per_month = Decimal(0)
    key.save()
    ask(page, "Spend", "quick")
    page.keyboard.press("Control+Enter")
    expect(problem).to_contain_text("Over a limit.")
    key.usd_per_month = Decimal(20)
    key.save()

    assert len(given) == 1  # the token holds for all of these
    page.clock.fast_forward(10 * 60_000)
    page.keyboard.press("Control+Enter")
    expect(answer(page).locator("[data-part=state]")).to_have_text("Done")
    assert len(given) == 2
    window.context.clear_cookies()
    page.clock.fast_forward(10 * 60_000)
    page.keyboard.press("Control+Enter")
    expect(problem).to_contain_text("Reload the page")


PASTED = [
    (
        '{"model": "quick", "system": "Be kind.", "max_tokens": 50, "stop_sequences": ["x"], "metadata": {"user_id": "u"}, "tools": [],'
        ' "messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},'
        ' {"role": "assistant", "content": "c"}, {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t"}]}]}',
        {
            "system": "Be kind.",
            "turns": [{"role": "user", "text": "a\n\nb"}, {"role": "assistant", "text": "c"}],
            "left": ["tool_result", "tools"],
        },
    ),
    (
        '{"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": [{"type": "image_url"}]}],'
        ' "tools": [1], "metadata": {"tags": "a, b"}}',
        {
            "system": "S",
            "turns": [
                {
                    "role": "user",
                    "json": '{\n  "role": "user",\n  "content": [\n    {\n      "type": "image_url"\n    }\n  ]\n}',
                }
            ],
            "left": [],
        },
    ),
    ('[{"role": "user", "content": "bare"}]', {"system": "", "turns": [{"role": "user", "text": "bare"}], "left": []}),
]


def test_a_pasted_conversation_is_taken_what_is_not_is_named_and_code_says_the_same_call(
    visit: Visit, live_cast: Cast, provider: Simulated
):
    page = open_page(visit, live_cast)
    read = "async text => (await import('/static/tollgate/playground/pasting.js')).read(text)"
    for text, wanted in PASTED:
        found = page.evaluate(read, text)
        assert {name: found[name] for name in wanted} == wanted
    assert page.evaluate(read, PASTED[0][0])["parameters"]["maxTokens"] == 50
    assert page.evaluate(read, PASTED[1][0])["parameters"]["extra"] == {"tools": [1]}
    assert page.evaluate(read, PASTED[1][0])["parameters"]["tags"] == ["a", "b"]

    page.get_by_role("button", name="Paste JSON").click()
    for text, words in (("{", "This is no valid JSON"), ('{"messages": "x"}', "There is no list of messages in it.")):
        page.locator("#pg-paste-text").fill(text)
        page.get_by_role("button", name="Take it").click()
        expect(page.locator("#pg-paste-wrong")).to_contain_text(words)
    page.locator("#pg-paste-text").fill(PASTED[0][0])
    page.get_by_role("button", name="Take it").click()
    expect(page.locator("#pg-notice")).to_have_text("Not taken along: tool_result, tools.")
    expect(page.get_by_label("Text of turn 2")).to_have_value("c")
    page.get_by_role("button", name="Move up").nth(1).click()
    expect(page.get_by_label("Text of turn 1")).to_have_value("c")
    page.get_by_role("button", name="Remove").first.click()
    expect(page.locator("#pg-turns > li")).to_have_count(1)
    page.get_by_role("button", name="Run").click()
    expect(answer(page).locator("[data-part=text]")).to_have_text("The quick answer.")
    body = provider.simulator.requests()[-1]["body"]
    assert body["messages"] == [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "a\n\nb"}]
    assert body["stop"] == ["x"]

    as_code(page)


def as_code(page: Page) -> None:
    """The code is valid in its language and says the same call."""
    request: dict[str, Any] = {
        "url": "https://gate.example",
        "body": {
            "model": "quick", "messages": [{"role": "user", "content": "It's \"so\" \\ 'x'\u2028 $HOME"}], "temperature": 0.5,
            "stop": ["a"], "x_new": {"yes": True, "no": None},
        },
        "headers": {"x-tollgate-tags": "a,b"},
        "system": "", "turns": [{"role": "user", "text": "It's \"so\" \\ 'x'\u2028 $HOME"}], "maxTokens": None,
    }  # fmt: skip
    made = page.evaluate(
        "async request => (await import('/static/tollgate/playground/snippets.js')).snippets(request)", request
    )
    code = {snippet["name"]: snippet["code"] for snippet in made}
    assert list(code) == ["curl", "Python, openai", "Python, anthropic", "Node, openai", "Node, anthropic"]
    for name, kinds in (("Python, openai", ("openai", "OpenAI")), ("Python, anthropic", ("anthropic", "Anthropic"))):
        called: dict[str, Any] = {}
        run_python(code[name], *kinds, called)
        assert called["model"] == "quick"
        assert called["messages"] == request["body"]["messages"]
        assert called["temperature"] == 0.5
        assert called["extra_headers"] == {"x-tollgate-tags": "a,b"}
        assert called.get("extra_body") in (None, {"x_new": {"yes": True, "no": None}})
    words = shlex.split(code["curl"].replace("\\\n", " "))
    assert words[1] == "https://gate.example/v1/chat/completions"
    assert json.loads(words[words.index("-d") + 1]) == request["body"]


def run_python(code: str, module: str, name: str, called: dict[str, Any]) -> None:
    """Run the snippet with an SDK in whose place something notes what it is asked."""
    fake = types.ModuleType(module)
    client = mock.MagicMock()
    client.chat.completions.create.side_effect = lambda **asked: called.update(asked) or mock.MagicMock()
    client.messages.create.side_effect = lambda **asked: called.update(asked) or mock.MagicMock()
    setattr(fake, name, lambda **options: client)
    with mock.patch.dict(sys.modules, {module: fake}), mock.patch.dict("os.environ", {"TOLLGATE_API_KEY": "tg-x"}):
        exec(compile(code, "snippet", "exec"), {"print": lambda *args, **more: None})
