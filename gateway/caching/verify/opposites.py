"""Words that mean the opposite of each other, in everyday questions."""

from __future__ import annotations

from gateway.caching.verify.vocabulary import listed
from gateway.caching.verify.words import stem

_PAIRS = """
    increase decrease|raise lower|gain lose|buy sell|purchase sell|borrow lend|send receive|deposit withdraw|import export
    upload download|enable disable|activate deactivate|on off|open close|opened closed|start stop|begin end|start end
    start finish|add remove|add delete|create delete|install uninstall|subscribe unsubscribe|follow unfollow|block unblock|lock unlock
    connect disconnect|login logout|signin signout|encrypt decrypt|encode decode|compress decompress|accept reject|accept decline
    approve reject|allow forbid|allow deny|allow prevent|grant revoke|win lose|pass fail|succeed fail|hire fire|arrive depart
    arrival departure|enter exit|enter leave|push pull|love hate|like hate|like dislike|for against|before after|above below|over under
    up down|left right|left stay|inside outside|indoor outdoor|internal external|front back|top bottom|first last|old new|oldest newest
    oldest youngest|older younger|old young|early late|earlier later|earliest latest|fast slow|faster slower|quick slow|high low
    higher lower|highest lowest|big small|bigger smaller|biggest smallest|large small|larger smaller|largest smallest|tall short
    taller shorter|long short|longer shorter|longest shortest|deep shallow|wide narrow|thick thin|heavy light|strong weak|hard easy
    hard soft|difficult easy|hardest easiest|cheap expensive|cheapest expensive|rich poor|hot cold|warm cold|wet dry|dark light
    bright dark|clean dirty|full empty|good bad|good evil|best worst|better worse|positive negative|true false|right wrong
    correct incorrect|correct wrong|more less|more fewer|most least|many few|maximum minimum|maximize minimize|max min|always never
    all none|everyone nobody|advantage disadvantage|advantages disadvantages|pro con|pros cons|benefit drawback|benefits drawbacks
    benefits risks|strength weakness|strengths weaknesses|similarity difference|similarities differences|similar different
    same different|cause effect|input output|male female|man woman|men women|boy girl|boys girls|husband wife|father mother
    brother sister|son daughter|public private|legal illegal|safe dangerous|guilty innocent|alive dead|live die|birth death
    married single|married divorced|parent child|teacher student|employer employee|buyer seller|sender receiver|client server
    north south|east west|northern southern|eastern western|ancient modern|past future|summer winter|morning evening|breakfast dinner
    credit debit|profit loss|assets liabilities|income expense|asset liability|supply demand|even odd|multiply divide
    addition subtraction|add subtract|horizontal vertical|series parallel|active passive|manual automatic|natural artificial
    vegetarian nonvegetarian|introvert extrovert|optimist pessimist|temporary permanent|upgrade downgrade|include exclude
    including excluding|prepaid postpaid|domestic international|asleep awake|incoming outgoing|interior exterior|majority minority
    ascending descending|freeze unfreeze|wholesale retail
"""


def _by_stem() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for pair in _PAIRS.replace("\n", "|").split("|"):
        if len(words := pair.split()) == 2:
            left, right = map(stem, words)
            found.setdefault(left, set()).add(right)
            found.setdefault(right, set()).add(left)
    return {root: frozenset(others) for root, others in found.items()}


_OPPOSITES = _by_stem()
_NOTHING = frozenset[str]()
_PREFIXES = ("un", "in", "im", "il", "ir", "dis", "non", "de", "mis")
_LEAST_ROOT = 4
# What a prefix makes out of a word is mostly its opposite, but not here.
_NO_PREFIX = frozenset(
    listed("""
    unit units union united under until unique universe inform information income invest improve impact import increase indeed
    industry intend interest internet invite involve disease display distance district discuss deliver delivery decide design
    develop device demand detail depend desire dessert miss mission mister mistake illness instant install instance inside insure
    instruct
    """)
)


def of(root: str) -> frozenset[str]:
    """Stems of the opposites of a word with this stem."""
    return _OPPOSITES.get(root, _NOTHING)


def unprefixed(plain: str) -> list[str]:
    """What a word in lower case turns round by its prefix."""
    if plain in _NO_PREFIX:
        return []
    return [
        plain[len(prefix) :]
        for prefix in _PREFIXES
        if plain.startswith(prefix) and len(plain) >= len(prefix) + _LEAST_ROOT
    ]
