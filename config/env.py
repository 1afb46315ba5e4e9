"""Settings from the environment: typed, and a bad value fails at start-up with its name."""

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class MailServer:
    """Where e-mail is handed over. `use_tls` is STARTTLS, `use_ssl` is TLS from the first byte."""

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    use_tls: bool = False
    use_ssl: bool = False


class Environment:
    """Typed reads of environment variables. Every error names the variable and what it takes."""

    def __init__(self, values: Mapping[str, str] = os.environ) -> None:
        self._values = values

    def text(self, name: str, default: str = "") -> str:
        return self._values.get(name, "").strip() or default

    def matching(self, name: str, default: str, pattern: str, wanted: str) -> str:
        """A text that matches the whole pattern; `wanted` says in words what it takes."""
        value = self.text(name, default)
        if not re.fullmatch(pattern, value):
            raise ImproperlyConfigured(f"{name} is {value!r}; it takes {wanted}.")
        return value

    def words(self, name: str, default: str = "") -> list[str]:
        """A comma-separated list, blanks dropped."""
        return [word.strip() for word in self.text(name, default).split(",") if word.strip()]

    def flag(self, name: str, default: bool) -> bool:
        value = self.text(name).lower()
        if not value:
            return default
        if value in {"1", "true", "yes", "on"}:
            return True
        if value in {"0", "false", "no", "off"}:
            return False
        raise ImproperlyConfigured(f"{name} is {value!r}; it takes 1 or 0.")

    def number(self, name: str, default: int, *, low: int, high: int) -> int:
        value = self.text(name)
        if not value:
            return default
        try:
            number = int(value)
        except ValueError:
            number = low - 1
        if not low <= number <= high:
            raise ImproperlyConfigured(f"{name} is {value!r}; it takes a whole number from {low} to {high}.")
        return number

    def seconds(self, name: str, default: float, *, low: float = 0.05, high: float = 3600) -> float:
        value = self.text(name)
        if not value:
            return default
        try:
            seconds = float(value)
        except ValueError:
            seconds = -1.0
        if not low <= seconds <= high:
            raise ImproperlyConfigured(f"{name} is {value!r}; it takes seconds from {low} to {high}.")
        return seconds

    def database(self, name: str, default: str) -> dict[str, object]:
        """A `postgresql://user:password@host:port/name?option=value` URL as Django's DATABASES entry."""
        url = self.text(name, default)
        parts = urlsplit(url)
        if parts.scheme not in {"postgres", "postgresql"} or not parts.path.strip("/"):
            raise ImproperlyConfigured(f"{name} takes a URL such as postgresql://user:password@host:5432/tollgate.")
        options = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": unquote(parts.path.strip("/")),
            "USER": unquote(parts.username or ""),
            "PASSWORD": unquote(parts.password or ""),
            "HOST": options.pop("host", parts.hostname or ""),
            "PORT": options.pop("port", str(parts.port or "")),
            "OPTIONS": options,
        }

    def networks(self, name: str) -> list[Network]:
        """A comma-separated list of networks such as `10.20.0.0/16`, or of single addresses."""
        try:
            return [ipaddress.ip_network(word) for word in self.words(name)]
        except ValueError as error:
            raise ImproperlyConfigured(f"{name} takes networks such as 10.20.0.0/16,fd00::/8: {error}.") from error

    def mail_server(self, name: str) -> MailServer | None:
        """A `smtp://user:password@host:port?tls=1` (STARTTLS) or `smtps://…` URL; None if it is not set."""
        url = self.text(name)
        if not url:
            return None
        wrong = ImproperlyConfigured(f"{name} takes a URL such as smtp://user:password@host:587?tls=1 or smtps://host.")
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
            use_tls = {"": False, "tls=0": False, "tls=1": True}[parts.query]
        except (ValueError, KeyError):
            raise wrong from None  # the error would show the password
        use_ssl = parts.scheme == "smtps"
        if parts.scheme not in {"smtp", "smtps"} or not host or (use_ssl and use_tls):
            raise wrong
        return MailServer(
            host=host,
            port=port or (465 if use_ssl else 587 if use_tls else 25),
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            use_tls=use_tls,
            use_ssl=use_ssl,
        )
