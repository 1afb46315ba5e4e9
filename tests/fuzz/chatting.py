"""Bodies that are nearly right, by the thousand, to a gateway: each is answered as it must be, in time, and its memory stays flat."""

from __future__ import annotations

import http.client
import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz import answers
from tests.fuzz.bodies import COUNT, bodies

TIMEOUT_SECONDS = 20.0
WARM_AFTER = 0.4  # of the requests: caches that are bounded have filled by then
MOST_GROWTH_MB = 24.0


class Caller:
    """One connection that is kept, as an SDK keeps it; anew after it was closed."""

    def __init__(self, url: str, key: str) -> None:
        self._address = urlsplit(url)
        self._key = key
        self._client: http.client.HTTPConnection | None = None

    def send(self, path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Raises `Odd` where no answer comes in time."""
        if self._client is None:
            self._client = http.client.HTTPConnection(
                self._address.hostname or "", self._address.port, timeout=TIMEOUT_SECONDS
            )
        headers = {"authorization": f"Bearer {self._key}", "content-type": "application/json"}
        try:
            self._client.request("POST", path, body, headers)
            response = self._client.getresponse()
            received = response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
        except (OSError, http.client.HTTPException) as failed:
            self.close()
            raise answers.Odd(f"no answer: {type(failed).__name__}: {failed}") from failed
        if response.will_close:
            self.close()
        return received

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


def memory_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def run(url: str, key: str, pid: int, *, count: int, number: int, models: tuple[str, str, str]) -> bool:
    """Send `count` bodies and print what came of them; whether all was well. The same number makes the same bodies."""
    hi = {"model": models[0], "messages": [{"role": "user", "content": "hi"}]}
    caller, statuses, warm = Caller(url, key), Counter[int](), [0.0]
    began, asked, slowest = time.monotonic(), [0], [0.0]

    @seed(number)
    @settings(
        max_examples=count, deadline=None, database=None, phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck), print_blob=False,
    )  # fmt: skip
    @given(bodies(*models))
    def send(made: tuple[str, bytes]) -> None:
        path, body = made
        sent_at = time.monotonic()
        status, headers, answer = caller.send(path, body)
        slowest[0] = max(slowest[0], time.monotonic() - sent_at)
        statuses[status] += 1
        asked[0] += 1
        if asked[0] == int(count * WARM_AFTER):
            warm[0] = memory_mb(pid)
        answers.check(path, status, headers, answer)

    failed: Any = None
    try:
        caller.send(COUNT, json.dumps(hi).encode())  # has the vocabulary read, which takes 70 MB once
        send()
    except (answers.Odd, ExceptionGroup) as error:
        failed = error
        print("\n".join([str(error), *getattr(error, "__notes__", [])])[:4000])
    finally:
        caller.close()
    end = memory_mb(pid)
    told = ", ".join(f"{status}: {times}" for status, times in sorted(statuses.items()))
    print(f"{asked[0]} bodies in {time.monotonic() - began:.0f} s (slowest answer {slowest[0]:.2f} s): {told}")
    print(f"memory of the gateway: {warm[0]:.1f} MB when warm, {end:.1f} MB at the end")
    if statuses[401] or not statuses[200]:
        print("that says little: the key was refused, or hardly a body was right")
        failed = failed or AssertionError
    is_flat = not warm[0] or end - warm[0] < MOST_GROWTH_MB
    if not is_flat:
        print(f"that is more than {MOST_GROWTH_MB:.0f} MB of growth")
    return failed is None and is_flat
