"""Commands as Redis takes them over the wire, packed in one go.

redis-py packs every argument through several calls, which for two scripts of twenty arguments each was a tenth of what a request cost. What
the gateway sends are bytes, texts and whole numbers; any other command is left to redis-py.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from redis.asyncio.connection import AbstractConnection


class PackingConnection(AbstractConnection):
    """To be mixed into redis-py's connection classes."""

    def pack_commands(self, commands: Iterable[Iterable[Any]]) -> list[bytes]:
        pieces: list[bytes] = []
        for command in commands:
            packed = pack(tuple(command))
            if packed is None:
                pieces.extend(map(bytes, self.pack_command(*command)))
            else:
                pieces.append(packed)
        return [b"".join(pieces)]


def pack(command: tuple[Any, ...]) -> bytes | None:
    """The command on the wire; None if it has something in it that is neither bytes, a text nor a whole number, or a name of two words."""
    if type(command[0]) is not str or " " in command[0]:
        return None
    pieces = [b"*%d\r\n" % len(command)]
    for argument in command:
        kind = type(argument)
        if kind is str:
            data = argument.encode()
        elif kind is bytes:
            data = argument
        elif kind is int:
            data = b"%d" % argument
        else:
            return None
        pieces.append(b"$%d\r\n%b\r\n" % (len(data), data))
    return b"".join(pieces)


def with_packing(connection_class: type[Any]) -> type[Any]:
    """The connection class, packing this way."""
    return type(f"Packing{connection_class.__name__}", (PackingConnection, connection_class), {})
