"""Puts answers on the wire: whole ones and error bodies, with the behaviour's pauses and faults. Streams are in `stream_delivery`.

What a fault leaves in the log: an error body, `hang`, `reset` and `empty` used nothing; `bad_json` and `wrong_content_type` and a whole
answer that was cut used what the answer says.
"""

from __future__ import annotations

from collections.abc import Callable

from simulator import errors, faults
from simulator.behaviour import Behaviour
from simulator.errors import ProviderError
from simulator.exchange import JSON, Exchange
from simulator.usage import Usage

SLOW_FIRST_BYTE_MS = 5000.0
TRICKLE_MS = 500.0


async def send_error(exchange: Exchange, error: ProviderError, outcome: str) -> None:
    body = errors.render(error, exchange.surface, exchange.request_id)
    exchange.entry.status = error.status
    exchange.close(outcome)
    headers = exchange.response_headers(JSON, error.headers)
    await exchange.connection.start(error.status, [*headers, (b"content-length", b"%d" % len(body))])
    await exchange.connection.end(body)


async def is_over_before_the_answer(exchange: Exchange, behaviour: Behaviour, *, is_streamed: bool) -> bool:
    """Waits the latency and carries out the faults that leave no answer to send. True when the exchange has ended."""
    connection = exchange.connection
    if behaviour.latency_ms and not await connection.pause(
        behaviour.latency_ms, until=exchange.simulator.behaviours.next_reset()
    ):
        exchange.close("client_disconnected")
        return True
    if not exchange.is_fault_due:
        return False
    fault = behaviour.fault
    if (
        is_streamed
        and fault in faults.MID_STREAM_FAULTS
        and (fault not in ("hang", "reset") or behaviour.fault_after_chunks is not None)
    ):
        return False
    error = faults.error_of(behaviour, exchange.surface, model=exchange.model, api_key=exchange.api_key)
    if error is not None:
        await send_error(exchange, error, f"fault:{fault or error.status}")
    elif fault == "hang":
        exchange.close("fault:hang")
        await connection.wait_until_gone()
    elif fault == "reset":
        exchange.close("fault:reset")
        await connection.reset()
    elif fault == "empty":
        await _send(exchange, b"", 200, JSON, "fault:empty")
    elif fault == "garbage_content_type":
        await _send(exchange, faults.HTML_PAGE, behaviour.status or 502, b"text/html", "fault:garbage_content_type")
    else:
        return False
    return True


async def send_whole(exchange: Exchange, behaviour: Behaviour, make: Callable[[], bytes], usage: Usage | None) -> None:
    """Sends an answer in one piece. `make` renders it, after the latency and only if no fault comes first."""
    if (behaviour.latency_ms or exchange.is_fault_due) and await is_over_before_the_answer(
        exchange, behaviour, is_streamed=False
    ):
        return
    body = make()
    content_type, outcome = JSON, "completed"
    if exchange.is_fault_due:
        if behaviour.fault in ("cut", "half_close"):
            await _send_half(exchange, body, usage, is_cut=behaviour.fault == "cut")
            return
        if behaviour.fault == "trickle":
            outcome = "fault:trickle"
            trickle(exchange, behaviour)
        if behaviour.fault == "bad_json":
            body, outcome = body[: len(body) * 2 // 3], "fault:bad_json"
        elif behaviour.fault == "wrong_content_type":
            content_type, outcome = b"text/plain; charset=utf-8", "fault:wrong_content_type"
    await _send(exchange, body, 200, content_type, outcome, usage, first_byte_ms=first_byte_ms(exchange, behaviour))


def first_byte_ms(exchange: Exchange, behaviour: Behaviour) -> float:
    if behaviour.first_byte_ms is None and exchange.is_fault_due and behaviour.fault == "slow_first_byte":
        return SLOW_FIRST_BYTE_MS
    return behaviour.first_byte_ms or 0


def trickle(exchange: Exchange, behaviour: Behaviour) -> None:
    """From here on the body comes byte by byte."""
    exchange.connection.byte_ms = TRICKLE_MS if behaviour.trickle_ms is None else behaviour.trickle_ms


async def _send(
    exchange: Exchange,
    body: bytes,
    status: int,
    content_type: bytes,
    outcome: str,
    usage: Usage | None = None,
    *,
    first_byte_ms: float = 0,
) -> None:
    exchange.entry.status = status
    headers = exchange.response_headers(content_type)
    headers.append((b"content-length", b"%d" % len(body)))
    if first_byte_ms:
        await exchange.connection.start(status, headers)
        if not await exchange.connection.pause(first_byte_ms):
            exchange.close("client_disconnected", usage)
            return
        exchange.close(outcome, usage)
    else:
        exchange.close(outcome, usage)
        await exchange.connection.start(status, headers)
    await exchange.connection.end(body)


async def _send_half(exchange: Exchange, body: bytes, usage: Usage | None, *, is_cut: bool) -> None:
    """Announces the whole length and closes half-way, the connection or only its own side of it."""
    exchange.entry.status = 200
    exchange.close("cut" if is_cut else "fault:half_close", usage)
    headers = exchange.response_headers(JSON)
    await exchange.connection.start(200, [*headers, (b"content-length", b"%d" % len(body))])
    await exchange.connection.write(body[: len(body) // 2])
    await (exchange.connection.cut() if is_cut else exchange.connection.half_close())
