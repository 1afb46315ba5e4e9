"""Made conversations with tools, in both formats: a deterministic set in which the last message asks for something that was said before.

Each is of a support desk that looks things up: plain questions, single and parallel tool calls, long results, the same notice over and
over, blank space as screens and PDFs leave it. Where the needed fact was said is drawn, too: early or late, by the user or by a tool.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import Any

from gateway.types import Endpoint

COUNT = 32
SYSTEM = (
    "You are the assistant of an internal service desk. Answer shortly, name your sources, and look things up with the tools rather than "
    "guess.\n\nRules:\n- Never promise a delivery date.\n- Amounts are in euros unless said otherwise.\n- Hand over to a person when asked."
)
NOTICE = (
    "Please note that this information is confidential and intended for employees of the company only. It was compiled automatically from "
    "several systems and may be out of date; check with the team that is responsible before you pass it on to anybody outside, and never "
    "forward it to private addresses."
)
PLACES = (
    "Lisbon", "Ghent", "Tartu", "Malmo", "Graz", "Porto", "Turku", "Brno", "Cork", "Lund", "Aarhus", "Bilbao",
    "Linz", "Namur", "Odense", "Pecs", "Riga", "Split", "Trieste", "Utrecht", "Vaasa", "Wels", "Zadar", "Basel",
    "Como", "Delft", "Espoo", "Ferrara", "Girona", "Halle",
)  # fmt: skip
THINGS = (
    ("door code", "building"), ("wifi passphrase", "office"), ("parking contract", "garage"), ("printer lease", "copy room"),
    ("cleaning rota", "canteen"), ("alarm contact", "warehouse"), ("meter reading", "boiler cellar"), ("courier account", "mail room"),
    ("projector serial", "auditorium"), ("insurance policy", "laboratory"), ("switch port", "server room"), ("key deposit", "reception"),
)  # fmt: skip
TOOLS = (
    ("lookup", "Look up one item of the inventory.", {"item": "string", "place": "string"}),
    ("search_tickets", "Search the tickets.", {"query": "string", "limit": "integer"}),
    ("read_page", "Read a page of the handbook.", {"title": "string"}),
)
WORDS = (
    "delivery", "ticket", "colleague", "moved", "replaced", "checked", "signed", "reset", "invoice", "ladder",
    "cable", "monitor", "shelf", "window", "heater", "filter", "badge", "visitor", "meeting", "kitchen", "lift",
    "stairs", "floor", "corner", "plant", "chair", "desk", "lamp", "drawer", "folder", "archive", "label",
    "parcel", "pallet", "gate", "fence", "roof", "drain", "pump", "valve", "sensor", "battery", "charger",
    "adapter", "headset", "keyboard", "scanner", "toner", "paper", "stapler", "poster", "board", "marker",
    "cleaning", "painting", "repair", "warranty", "order",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A request's body, and what has to be in what is sent on."""

    name: str
    endpoint: Endpoint
    body: dict[str, Any]
    fact: str

    @property
    def content(self) -> bytes:
        return json.dumps(self.body).encode()


def cases(count: int = COUNT, *, model: str = "task/desk") -> list[Case]:
    """The first half in OpenAI's format, the second in Anthropic's; the same conversations on every machine."""
    made = []
    for number in range(count):
        is_chat = number < count // 2
        draw = random.Random(number if is_chat else number - count // 2 + 1000)
        made.append(_case(draw, number, model, is_chat=is_chat))
    return made


def _case(draw: random.Random, number: int, model: str, *, is_chat: bool) -> Case:
    wanted = draw.randrange(20, 81)
    subjects = [(thing, place) for thing in THINGS for place in PLACES]
    draw.shuffle(subjects)
    thing, place = subjects.pop()
    fact = f"{draw.choice(('KX', 'QR', 'VT'))}-{draw.randrange(1000, 9999)}-{draw.choice('ABCDEF')}"
    rounds: list[list[_Turn]] = []
    size = 0
    while size < wanted - 3:
        turns = _round(draw, *subjects.pop())
        rounds.append(turns)
        size += sum(turn.size(is_chat=is_chat) for turn in turns)
    rounds.insert(draw.randrange(len(rounds)), _fact_round(draw, thing, place, fact))
    question = f"Coming back to something from before: what was the {thing[0]} of the {place} {thing[1]}?"
    turns = [*(turn for one in rounds for turn in one), _Turn("user", question)]
    messages = [message for turn in turns for message in (turn.chat() if is_chat else turn.messages())]
    body: dict[str, Any] = {
        "model": model,
        "max_tokens": 300,
        "tools": [_tool(tool, is_chat=is_chat) for tool in TOOLS],
    }
    if is_chat:
        body["messages"] = [{"role": "system", "content": SYSTEM}, *messages]
    else:
        body |= {"system": SYSTEM, "messages": messages}
    endpoint = Endpoint.CHAT if is_chat else Endpoint.MESSAGES
    return Case(f"{number:02d} {endpoint.value} {len(messages)}", endpoint, body, fact)


@dataclass(frozen=True)
class _Call:
    id: str
    name: str
    arguments: dict[str, Any]
    result: str


@dataclass(frozen=True)
class _Turn:
    role: str
    text: str
    calls: tuple[_Call, ...] = ()

    def size(self, *, is_chat: bool) -> int:
        return 1 + (len(self.calls) if is_chat else bool(self.calls))

    def chat(self) -> list[dict[str, Any]]:
        if not self.calls:
            return [{"role": self.role, "content": self.text}]
        calls = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
            }
            for call in self.calls
        ]
        results = [{"role": "tool", "tool_call_id": call.id, "content": call.result} for call in self.calls]
        return [{"role": "assistant", "content": self.text or None, "tool_calls": calls}, *results]

    def messages(self) -> list[dict[str, Any]]:
        if not self.calls:
            return [{"role": self.role, "content": self.text}]
        said = [{"type": "text", "text": self.text}] if self.text else []
        uses = [{"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments} for call in self.calls]
        results = [{"type": "tool_result", "tool_use_id": call.id, "content": call.result} for call in self.calls]
        return [{"role": "assistant", "content": [*said, *uses]}, {"role": "user", "content": results}]


def _round(draw: random.Random, thing: tuple[str, str], place: str) -> list[_Turn]:
    asked = f"{_prose(draw, 12)} Can you find out about the {thing[0]} of the {place} {thing[1]}? {_prose(draw, 18)}"
    answer = f"On the {thing[0]} of the {place} {thing[1]}: {_prose(draw, 35)}"
    if draw.random() < 0.3:
        answer = f"{answer}\n\n\n\n{NOTICE}"
    turns = [_Turn("user", asked)]
    for _ in range(draw.choice((0, 0, 1, 1, 2, 3))):
        turns.append(_step(draw, thing, place, _table(draw, place)))
    return [*turns, _Turn("assistant", answer)]


def _fact_round(draw: random.Random, thing: tuple[str, str], place: str, fact: str) -> list[_Turn]:
    subject = f"{thing[0]} of the {place} {thing[1]}"
    if draw.random() < 0.5:
        told = f"By the way, so that you know: the {subject} is now {fact}. {_prose(draw, 10)}"
        return [_Turn("user", told), _Turn("assistant", f"Thank you, noted for the {place} {thing[1]}.")]
    found = f"{_prose(draw, 20)}\nThe {subject} is {fact}.\n{_prose(draw, 40)}"
    asked = f"Please look up the {subject}."
    return [
        _Turn("user", asked),
        _step(draw, thing, place, found),
        _Turn("assistant", "Found it. Shall I write it down somewhere?"),
    ]


def _step(draw: random.Random, thing: tuple[str, str], place: str, result: str) -> _Turn:
    calls = [_Call(_id(draw), "lookup", {"item": thing[0], "place": place}, result)]
    for _ in range(draw.choice((0, 0, 1, 2))):
        hits = [
            {"ticket": draw.randrange(10_000), "title": _prose(draw, 6), "note": "kept   as  it is"} for _ in range(3)
        ]
        calls.append(_Call(_id(draw), "search_tickets", {"query": f"{place} {thing[0]}", "limit": 3}, json.dumps(hits)))
    return _Turn("assistant", "Let me look." if draw.random() < 0.5 else "", tuple(calls))


def _table(draw: random.Random, place: str) -> str:
    lines = [
        f"{draw.choice(WORDS):<18}{draw.randrange(1000):>8}    {draw.choice(WORDS):<14} {place}"
        for _ in range(draw.randrange(4, 14))
    ]
    notice = f"\n\n{NOTICE}" if draw.random() < 0.4 else ""
    return (
        "Item                 Count    Kind           Site\n" + "\n".join(lines) + "\n\n\n" + _prose(draw, 30) + notice
    )


def _prose(draw: random.Random, words: int) -> str:
    return " ".join(draw.choice(WORDS) for _ in range(words)).capitalize() + "."


def _id(draw: random.Random) -> str:
    return f"call_{draw.randrange(16**10):010x}"


def _tool(tool: tuple[str, str, dict[str, str]], *, is_chat: bool) -> dict[str, Any]:
    name, description, fields = tool
    schema = {
        "type": "object",
        "properties": {field: {"type": kind} for field, kind in fields.items()},
        "required": list(fields),
    }
    if is_chat:
        return {"type": "function", "function": {"name": name, "description": description, "parameters": schema}}
    return {"name": name, "description": description, "input_schema": schema}
