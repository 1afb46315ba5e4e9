"""`make bench-content`: what a trail costs a request, what taking its content along costs where it is stored, and what storing it costs a
worker. CPU time of this process, the best of several rounds: shared machines only add to it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from uuid import uuid4

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

ROUNDS = 5
WORDS = "The quick brown fox asks support about order 4711 and the invoice of last month. "
RATES = (2_500_000, 1_250_000, 2_500_000, 2_500_000, 10_000_000)


def microseconds(call: Callable[[], object], times: int) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(times):
            call()
        best = min(best, (time.process_time() - began) / times)
    return best * 1e6


def main() -> None:
    import django

    django.setup()
    in_the_gateway()
    in_a_worker()


def in_the_gateway() -> None:
    import msgspec

    from gateway.stores import content_record
    from gateway.stores.content_record import ContentRecord, Heard
    from gateway.stores.usage_record import Trail

    encode = msgspec.msgpack.Encoder().encode

    def trail() -> bytes:
        return encode(Trail(RATES, "asked for", "", "", (), (), "", "", "", 7_500_000, 12, ""))

    request_id, answer = uuid4(), b"y" * 1500

    def packed(prompt: bytes) -> Callable[[], bytes]:
        return lambda: content_record.encode(
            ContentRecord(
                request_id, 1, "chat.completions", "ada", "", False, True, prompt, len(prompt), answer, len(answer)
            )
        )

    def heard() -> bytes:
        told = Heard()
        for _ in range(50):
            told.add(b"z" * 200)
        return told.content()

    print("In the gateway, µs of CPU a request:")
    print(f"  trail made and encoded                    {microseconds(trail, 50_000):8.2f}")
    print(f"  content taken along, prompt of 2 kB       {microseconds(packed(b'x' * 2_000), 50_000):8.2f}")
    print(f"  content taken along, prompt of 100 kB     {microseconds(packed(b'x' * 100_000), 5_000):8.2f}")
    print(f"  a stream of 50 events heard               {microseconds(heard, 10_000):8.2f}")


def in_a_worker() -> None:
    from cryptography.fernet import Fernet

    from gateway.content import fitting, sealing
    from gateway.content.sealing import Content
    from gateway.types import Endpoint

    secret = Fernet.generate_key().decode()
    answer = json.dumps({"choices": [{"message": {"role": "assistant", "content": WORDS * 12}}]}).encode()
    print("In a worker, ms of CPU a request (personal data left out, compressed, encrypted):")
    for kilobytes in (2, 20, 200):
        content = WORDS * (kilobytes * 1000 // len(WORDS))
        body = json.dumps({"model": "m", "messages": [{"role": "user", "content": content}]}).encode()

        def stored(body: bytes = body) -> bytes:
            asked = fitting.prompt(body, whole_bytes=len(body), redacts=True)
            told = fitting.answer(
                answer, whole_bytes=len(answer), endpoint=Endpoint.CHAT, is_stream=False, redacts=True
            )
            return sealing.close(secret, Content(asked.text, told.text))

        print(f"  prompt of {kilobytes:3} kB                          {microseconds(stored, 20) / 1000:8.2f}")


if __name__ == "__main__":
    main()
