"""What `manage.py up` prints once everything answers."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping


def text(address: str, seed: Mapping[str, str], *, seconds: float, logs: str) -> str:
    """The addresses, the logins, an API key and a command that works when pasted into a shell."""
    rows = [
        ("Console", f"{address}/"),
        ("Admin", f"{address}/admin/"),
        ("API docs", f"{address}/api/docs/"),
        ("Tenant admin", _login(seed, "admin")),
        ("Operator", _login(seed, "operator")),
        ("API key", seed.get("api_key", "")),
        ("Answers from", _upstream(seed.get("upstream", ""))),
        ("Logs", logs),
    ]
    lines = ["", f"  Tollgate is ready, after {seconds:.1f} s.", ""]
    lines += [f"    {name:<14}{value}" for name, value in rows if value]
    lines += ["", "  Try it:", "", f"    {curl(address, seed)}", "", "  Ctrl-C stops everything.", ""]
    return "\n".join(lines)


def curl(address: str, seed: Mapping[str, str]) -> str:
    """One line for a POSIX shell: a chat completion."""
    body = {"model": seed.get("model", ""), "messages": [{"role": "user", "content": "Hello, Tollgate!"}]}
    words = ["curl", f"{address}/v1/chat/completions"]
    words += ["-H", f"Authorization: Bearer {seed.get('api_key', '')}", "-H", "Content-Type: application/json"]
    return shlex.join([*words, "-d", json.dumps(body)])


def _login(seed: Mapping[str, str], who: str) -> str:
    email, password = seed.get(f"{who}_email"), seed.get(f"{who}_password")
    return f"{email}  /  {password}" if email else ""


def _upstream(upstream: str) -> str:
    if upstream == "simulator":
        return "the simulator (set ANTHROPIC_API_KEY or OPENAI_API_KEY for a real provider)"
    return upstream
