"""Leaves personal data and secrets out of a text: what of it looks like one, each replaced by its kind in brackets. No Django, no I/O.

By patterns, and by check digits where there are any, so it knows what has a form and nothing else: names and street addresses stay. Each
pattern takes time in proportion to the text: runs have a greatest length, and begin where the run does.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

SECRET, EMAIL, IBAN, CARD, IP, PHONE = "secret", "email", "iban", "card", "ip", "phone"


class Kind(NamedTuple):
    """What is replaced of a match is the group "it", or all; of that as much as `takes` says, 0 for nothing.

    A text without any of `hints` (in lower case), or with fewer `digits`, has no match, so that most are not looked through for most kinds.
    """

    name: str
    pattern: re.Pattern[str]
    takes: Callable[[str], int]
    hints: tuple[str, ...] = ()
    digits: int = 0


def _where(is_one: Callable[[str], bool]) -> Callable[[str], int]:
    return lambda found: len(found) if is_one(found) else 0


def is_card(text: str) -> bool:
    """13 to 19 digits that end in the right check digit (Luhn)."""
    digits = [int(sign) for sign in text if sign.isdigit()]
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1:
        return False
    doubled = [digit if place % 2 == 0 else sum(divmod(2 * digit, 10)) for place, digit in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0


def is_iban(text: str) -> bool:
    """The remainder by 97 is 1 (ISO 13616)."""
    plain = re.sub(r"\s", "", text).upper()
    if not 15 <= len(plain) <= 34:
        return False
    return int("".join(str(int(sign, 36)) for sign in plain[4:] + plain[:4])) % 97 == 1


def _iban_within(text: str) -> int:
    """The pattern goes on into the words that follow."""
    ends = (end for end in range(len(text), 14, -1) if not text[end : end + 1].isalnum())
    return next((end for end in ends if is_iban(text[:end])), 0)


def is_ip(text: str) -> bool:
    """An address of version 4 or 6, but for the loopback and unspecified ones, which are nobody's."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (found.is_loopback or found.is_unspecified)


def is_phone(text: str) -> bool:
    digits = sum(sign.isdigit() for sign in text)
    return 8 <= digits <= 15 and not _DATE.search(text)


_DATE = re.compile(r"(?:^|\D)(?:19|20)\d\d[-/.](?:0?[1-9]|1[0-2])[-/.](?:0?[1-9]|[12]\d|3[01])(?:\D|$)")

# In this order: what an earlier kind has taken is no other's. A secret may hold anything, so it comes first.
KINDS = (
    Kind(
        SECRET,
        re.compile(r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY-----[^-]{0,20000}(?:-----END [A-Z0-9 ]{0,30}PRIVATE KEY-----)?"),
        len,
        hints=("private key",),
    ),
    Kind(SECRET, re.compile(r"(?<![\w-])eyJ[\w-]{8,4000}\.[\w-]{8,8000}\.[\w-]{8,2000}"), len, hints=("eyj",)),  # a JSON web token
    Kind(
        SECRET,
        re.compile(
            r"(?<![\w-])(?:sk-[\w-]{16,300}|(?:sk|rk|pk|whsec)_(?:live_|test_)?\w{16,200}|tgm?-[\w-]{16,200}|gh[pousr]_\w{20,255}"
            r"|github_pat_\w{20,255}|glpat-[\w-]{16,200}|xox[abeprs]-[\w-]{10,300}|A(?:KIA|SIA)[0-9A-Z]{16}|AIza[\w-]{30,60}"
            r"|hf_\w{20,100}|npm_\w{20,100}|SG\.[\w-]{16,64}\.[\w-]{16,128})"
        ),
        len,
        hints=("sk-", "sk_", "rk_", "pk_", "whsec_", "tg-", "tgm-", "gh", "glpat-", "xox", "akia", "asia", "aiza", "hf_",
               "npm_", "sg."),
    ),
    # What follows a name that says so: "password: …", "api_key=…", "Authorization: Bearer …".
    Kind(
        SECRET,
        re.compile(
            r"(?i)(?<![a-z])(?:pass(?:word|wd|phrase)|api[ _-]?key|secret(?:[ _-]?key)?|access[ _-]?token|auth[ _-]?token"
            r"|client[ _-]?secret|bearer)[\"']?\s{0,3}(?:[:=]|\bis\b|(?<=[Bb]earer)\s)\s{0,3}[\"']?(?P<it>[^\s\"',;]{6,300})"
        ),
        len,
        hints=("passw", "passp", "key", "secret", "token", "bearer"),
    ),
    Kind(SECRET, re.compile(r"(?<=://)[^\s/:@\"']{1,100}:(?P<it>[^\s/@\"']{1,200})(?=@)"), len, hints=("://",)),  # within an address
    Kind(EMAIL, re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w-])"), len, hints=("@",)),
    Kind(IBAN, re.compile(r"(?<!\w)[A-Za-z]{2}\d{2}(?: ?[A-Za-z0-9]{4}){2,7}(?: ?[A-Za-z0-9]{1,3})?(?!\w)"), _iban_within, digits=8),
    Kind(CARD, re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w-])"), _where(is_card), digits=13),
    Kind(IP, re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?:(?![\w.])|(?=\.(?:\s|$)))"), _where(is_ip), hints=(".",), digits=4),
    Kind(IP, re.compile(r"(?<![\w:])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])"), _where(is_ip), hints=(":",)),
    Kind(PHONE, re.compile(r"(?<![\w+])(?:\+|00)\(?[1-9][\d ()./-]{5,20}\d(?!\w)"), _where(is_phone), digits=8),
    Kind(PHONE, re.compile(r"(?<![\w.-])\(?0\d{1,5}\)?[ /-]\d[\d ./-]{3,14}\d(?![\w-])"), _where(is_phone), digits=8),
    Kind(PHONE, re.compile(r"(?<![\w.-])(?:\(\d{3}\) ?|\d{3}[-. ])\d{3}[-. ]\d{4}(?![\w-])"), _where(is_phone), digits=8),
)  # fmt: skip


def redact(text: str, counts: Counter[str]) -> str:
    """The text with "[email]" in the place of an address, and so on; what was replaced is added to `counts`."""
    plain = text.lower()
    digits = sum(map(text.count, "0123456789"))
    for kind in KINDS:
        if digits < kind.digits or (kind.hints and not any(hint in plain for hint in kind.hints)):
            continue
        text = kind.pattern.sub(partial(_replaced, kind, counts), text)
    return text


def _replaced(kind: Kind, counts: Counter[str], found: re.Match[str]) -> str:
    whole = found[0]
    group = "it" if "it" in found.re.groupindex else 0
    it = found[group]
    taken = kind.takes(it)
    if not taken or it == f"[{kind.name}]":
        return whole
    counts[kind.name] += 1
    start = found.start(group) - found.start()
    return f"{whole[:start]}[{kind.name}]{whole[start + taken :]}"
