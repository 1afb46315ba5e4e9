"""Composes the answer to an Ask: which parts it has, in which tokens, why it ends and what it used. The formats only render it.

Without instructions it echoes the last user message and adds a sentence. The last user message may instruct it: `[call:NAME]` or
`[call:NAME,OTHER]` calls tools, `[refuse]` refuses, `[filter]` ends by the content filter.
"""

from __future__ import annotations

import hashlib
import re
from typing import Literal

import msgspec

from simulator import schema_answers, tokens
from simulator.ask import Ask
from simulator.behaviour import Behaviour
from simulator.usage import Usage

PartKind = Literal["text", "refusal", "thinking", "call"]
Ending = Literal["end", "length", "stop_sequence", "calls", "refusal", "content_filter"]
EFFORT_TOKENS = {"none": 0, "minimal": 8, "low": 16, "medium": 64, "high": 256, "xhigh": 512, "max": 1024}
ECHO_CHARACTERS = 280
REFUSAL = "I'm sorry, but I can't help with that."
SENTENCES = (
    "That is a fair point, and there are a few ways to look at it.",
    "Here is the short version: start small, measure, then adjust.",
    "In practice the simplest approach tends to work best.",
    "A good next step is to write down what you expect to see.",
    "Most people begin with an example and work backwards from it.",
    "It depends on the details, but the usual answer is yes.",
    "Think of it as three steps: prepare, act and verify.",
    "There is more to say, so ask for whichever part matters most.",
)
FILLER = ("and", "then", "we", "look", "at", "the", "next", "part", "of", "this", "plan", "with", "care")
_CALL = re.compile(r"\[call:([^\]]*)\]")


class Part(msgspec.Struct):
    """`pieces` are its tokens: of the text, or of a call's arguments as JSON. A call's name counts besides."""

    kind: PartKind
    pieces: list[str]
    name: str = ""

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def size(self) -> int:
        return len(self.pieces) + tokens.count(self.name)


class Choice(msgspec.Struct):
    parts: list[Part]
    ending: Ending = "end"
    stop_sequence: str | None = None


class Answer(msgspec.Struct):
    choices: list[Choice]
    usage: Usage


def compose(ask: Ask, behaviour: Behaviour, prompt: Usage) -> Answer:
    """`prompt` is the usage of the input. Deterministic in its arguments."""
    reasoning = _reasoning_tokens(ask, behaviour)
    choices = [_choice(ask, behaviour, reasoning, index) for index in range(ask.choice_count)]
    sizes = [sum(part.size for part in choice.parts) for choice in choices]
    if ask.max_tokens is not None:
        reasoning = min(reasoning, ask.max_tokens)
    if ask.surface == "anthropic":
        reasoning = sum(part.size for choice in choices for part in choice.parts if part.kind == "thinking")
        output = sum(sizes)
    else:
        reasoning *= len(choices)
        output = sum(sizes) + reasoning
    return Answer(choices, _reported(prompt, behaviour, output, reasoning))


def prompt_usage(counted: Usage, behaviour: Behaviour) -> Usage:
    """The input's usage with what the behaviour says instead. Cached tokens never exceed the prompt: it grows to hold them."""
    read = counted.cache_read_tokens if behaviour.cached_tokens is None else behaviour.cached_tokens
    short = counted.cache_write_5m_tokens if behaviour.cache_write_tokens is None else behaviour.cache_write_tokens
    long = counted.cache_write_1h_tokens if behaviour.cache_write_1h_tokens is None else behaviour.cache_write_1h_tokens
    total = counted.input_tokens if behaviour.input_tokens is None else behaviour.input_tokens
    return Usage(
        input_tokens=max(total, read + short + long),
        cache_read_tokens=read,
        cache_write_5m_tokens=short,
        cache_write_1h_tokens=long,
    )


def _reported(prompt: Usage, behaviour: Behaviour, output: int, reasoning: int) -> Usage:
    reported = output if behaviour.reported_output_tokens is None else behaviour.reported_output_tokens
    return msgspec.structs.replace(prompt, output_tokens=reported, reasoning_tokens=min(reasoning, reported))


def _reasoning_tokens(ask: Ask, behaviour: Behaviour) -> int:
    """OpenAI's reasoning is counted but not shown; Anthropic's is a part of the answer."""
    if ask.surface == "anthropic":
        return 0
    if behaviour.reasoning_tokens is not None:
        return behaviour.reasoning_tokens
    return EFFORT_TOKENS[ask.reasoning_effort] if ask.reasoning_effort else 0


def _choice(ask: Ask, behaviour: Behaviour, reasoning: int, index: int) -> Choice:
    choice = _unlimited(ask, behaviour, index)
    _stop(choice, ask.stops)
    if ask.max_tokens is not None:
        _limit(choice, max(0, ask.max_tokens - reasoning))
    if behaviour.finish == "length":
        choice.ending, choice.stop_sequence = "length", None
    return choice


def _unlimited(ask: Ask, behaviour: Behaviour, index: int) -> Choice:
    thinking = [Part("thinking", tokens.pieces(_thoughts(ask)))] if ask.thinks else []
    if behaviour.finish == "refusal" or (behaviour.finish is None and "[refuse]" in ask.last_text):
        kind: PartKind = "refusal" if ask.surface == "openai" else "text"
        return Choice([*thinking, Part(kind, tokens.pieces(behaviour.output_text or REFUSAL))], "refusal")
    names = _called_names(ask)
    if names:
        said = [Part("text", tokens.pieces(behaviour.output_text))] if behaviour.output_text else []
        schemas = {tool.name: tool.schema for tool in ask.tools}
        calls = [Part("call", _json_pieces(schema_answers.value_for(schemas[name])), name) for name in names]
        return Choice([*thinking, *said, *calls], "calls")
    is_filtered = behaviour.finish == "content_filter" or (behaviour.finish is None and "[filter]" in ask.last_text)
    return Choice(
        [*thinking, Part("text", _text_pieces(ask, behaviour, index))], "content_filter" if is_filtered else "end"
    )


def _called_names(ask: Ask) -> list[str]:
    """The tools to call; none after their results, when text is due."""
    if not ask.tools or ask.tool_results or ask.tool_choice.mode == "none":
        return []
    if ask.tool_choice.name is not None:
        return [ask.tool_choice.name]
    known = {tool.name for tool in ask.tools}
    asked = [name.strip() for found in _CALL.findall(ask.last_text) for name in found.split(",")]
    names = [name for name in asked if name in known]
    if not names and ask.tool_choice.mode == "required":
        names = [ask.tools[0].name]
    return names if ask.tool_choice.may_be_parallel else names[:1]


def _json_pieces(value: object) -> list[str]:
    return tokens.pieces(msgspec.json.encode(value).decode())


def _text_pieces(ask: Ask, behaviour: Behaviour, index: int) -> list[str]:
    if behaviour.output_text is not None:
        found = tokens.pieces(behaviour.output_text)
    elif ask.wants_json:
        answer = {"answer": _echo(ask)}
        return _json_pieces(
            answer if ask.json_schema is None else schema_answers.value_for(ask.json_schema, name="answer")
        )
    else:
        found = tokens.pieces(f"{_echo(ask)} {_sentence(ask, index)}")
    wanted = behaviour.output_tokens
    if wanted is None:
        return found
    return (found + [f" {FILLER[at % len(FILLER)]}" for at in range(wanted - len(found))])[:wanted]


def _echo(ask: Ask) -> str:
    if ask.tool_results:
        return f"The tool returned: {_excerpt(' | '.join(ask.tool_results))}."
    if ask.is_prefilled:
        return "and so on."
    said = f"You said: {_excerpt(ask.last_text)}." if ask.last_text.strip() else "You said nothing in words."
    for count, noun in ((ask.image_count, "image"), (ask.document_count, "document")):
        if count:
            said += f" I can see {count} {noun}{'' if count == 1 else 's'}."
    return said


def _excerpt(text: str) -> str:
    text = " ".join(text[: 4 * ECHO_CHARACTERS].split())
    text = text if len(text) <= ECHO_CHARACTERS else text[:ECHO_CHARACTERS].rsplit(" ", 1)[0] + " …"
    return text.rstrip(".")


def _sentence(ask: Ask, index: int) -> str:
    digest = hashlib.blake2b(ask.last_text.encode("utf-8", "surrogatepass"), digest_size=2).digest()
    return SENTENCES[(digest[0] + index) % len(SENTENCES)]


def _thoughts(ask: Ask) -> str:
    return f"The user wrote {tokens.count(ask.last_text)} tokens. I will answer plainly and briefly."


def _stop(choice: Choice, stops: list[str]) -> None:
    """Ends the choice's text before the stop sequence that comes first."""
    if not stops or choice.ending in ("refusal", "content_filter"):
        return
    for at, part in enumerate(choice.parts):
        if part.kind != "text":
            continue
        text = part.text
        found = [(place, stop) for stop in stops if (place := text.find(stop)) >= 0]
        if found:
            place, stop = min(found)
            part.pieces = tokens.pieces(text[:place])
            del choice.parts[at + 1 :]
            choice.ending, choice.stop_sequence = "stop_sequence", stop
            return


def _limit(choice: Choice, limit: int) -> None:
    """Cuts the choice where its tokens are used up. A call whose name no longer fits goes altogether."""
    for at, part in enumerate(choice.parts):
        size = part.size
        if size <= limit:
            limit -= size
            continue
        name_size = size - len(part.pieces)
        keeps_part = name_size < limit or (part.kind != "call" and at == 0)
        part.pieces = part.pieces[: max(0, limit - name_size)]
        del choice.parts[at + 1 if keeps_part else at :]
        choice.ending, choice.stop_sequence = "length", None
        return
