"""Every Redis key Tollgate uses, built here and nowhere else.

All keys of a tenant carry the same hash tag, `{tenant id}`, so that one script may touch several of them on Redis Cluster.
"""

from functools import lru_cache
from uuid import UUID

# Formatting a UUID is what these cost, and a process asks for the same few thousand keys over and over.
_remembered = lru_cache(maxsize=65_536)


@_remembered
def tag(tenant_id: UUID | str) -> str:
    """The prefix of all keys of a tenant."""
    return f"tg:{{{tenant_id}}}:"


@_remembered
def config_version(tenant_id: UUID | str) -> str:
    """Integer: the version of the tenant's configuration in force."""
    return f"{tag(tenant_id)}config"


@_remembered
def usage_stream(tenant_id: UUID | str) -> str:
    """Stream of usage records that wait to be drained into PostgreSQL."""
    return f"{tag(tenant_id)}usage"


@_remembered
def content_stream(tenant_id: UUID | str) -> str:
    """Stream of prompts and answers that wait to be stored. Under the same name with ":lost", how many found no room there."""
    return f"{tag(tenant_id)}content"


@_remembered
def counters(tenant_id: UUID | str) -> str:
    """Hash: what the tenant's limits count (used and held), and "epoch": since when."""
    return f"{tag(tenant_id)}count"


@_remembered
def user_counters(tenant_id: UUID | str, end_user: str) -> str:
    """Hash: what the limits of one end user count."""
    return f"{tag(tenant_id)}count:user:{end_user}"


@_remembered
def holds(tenant_id: UUID | str) -> str:
    """Hash: request id -> what it holds."""
    return f"{tag(tenant_id)}holds"


@_remembered
def leases(tenant_id: UUID | str) -> str:
    """Sorted set: requests that hold something, by the end of their lease (Unix ms)."""
    return f"{tag(tenant_id)}leases"


@_remembered
def swept(tenant_id: UUID | str) -> str:
    """Hash: request id -> what was charged for a hold whose process had died."""
    return f"{tag(tenant_id)}swept"


@_remembered
def tiers(tenant_id: UUID | str) -> str:
    """Hash: end user -> tier, of those who are not in the default tier."""
    return f"{tag(tenant_id)}tiers"


def given_answers(tenant_id: UUID | str) -> str:
    """Stream of answers that wait to be kept, to be given again to questions that mean the same."""
    return f"{tag(tenant_id)}given"


def semantic_hits(tenant_id: UUID | str) -> str:
    """Stream of answers that were given again: they wait to be counted, and some of them to be checked."""
    return f"{tag(tenant_id)}semantic:hits"


def judged_answers(tenant_id: UUID | str) -> str:
    """Stream of answers that are to be judged, encrypted: they wait for minutes at most."""
    return f"{tag(tenant_id)}judge"


def semantic_purges(tenant_id: UUID | str) -> str:
    """Hash: what was purged of the semantic cache -> when (Unix ms)."""
    return f"{tag(tenant_id)}semantic:purged"


def idempotency(tenant_id: UUID | str, key_id: UUID | str, digest: str) -> str:
    """Hash: the request made under an idempotency key of an API key, and its answer."""
    return f"{tag(tenant_id)}idem:{key_id}:{digest}"


@_remembered
def cached(tenant_id: UUID | str) -> str:
    """Hash: fingerprint of a request -> its cached answer; and under names that begin with "!", the books of the cache."""
    return f"{tag(tenant_id)}cache"


@_remembered
def cached_by_age(tenant_id: UUID | str) -> str:
    """Sorted set: the fingerprints of cached answers, by when they were made (Unix ms)."""
    return f"{tag(tenant_id)}cache:age"


def flight(tenant_id: UUID | str, digest: str) -> str:
    """String, for seconds: the request whose answer others wait for, or "-" if its answer was not kept."""
    return f"{tag(tenant_id)}flight:{digest}"


def refused_records(tenant_id: UUID | str) -> str:
    """Stream of usage records that PostgreSQL refused, for an operator to look at."""
    return f"{tag(tenant_id)}usage:refused"


def feedback_pace(tenant_id: UUID | str, subject: str) -> str:
    """Integer: votes by token in the minute under way, of one answer (its request id) or from one address."""
    return f"{tag(tenant_id)}feedback:pace:{subject}"


def management_pace(tenant_id: UUID | str, asked_by: str) -> str:
    """Integer: up to when (Unix µs) a key's or a person's calls to the management API are paid for."""
    return f"{tag(tenant_id)}management:pace:{asked_by}"


def management_strangers(address: str) -> str:
    """The same of calls with keys that are none, from one address."""
    return f"tg:management:strangers:{address}"


def dropped_traces() -> str:
    """Hash: why traces were not sent to the collector -> how many."""
    return "tg:traces:dropped"


BREAKERS = "tg:{breakers}:"


def open_breakers() -> str:
    """Hash: circuit breakers that are not closed -> "state|generation|Unix ms from when on it may be probed"."""
    return f"{BREAKERS}open"


def breaker_changes() -> str:
    """Stream of changes of circuit breakers that wait to be noted."""
    return f"{BREAKERS}changes"


@_remembered
def breaker(provider_id: UUID | str, model: str) -> str:
    """Hash: the circuit breaker of a provider's model."""
    return f"{BREAKERS}{provider_id}/{model}"


@_remembered
def latency(provider_id: UUID | str, model: str) -> str:
    """Hash: how long a provider's model took, by minute and bucket."""
    return f"tg:{{{provider_id}}}:latency:{model}"


@_remembered
def calibration(provider_id: UUID | str, model: str) -> str:
    """Hash: tokens of a sample of inputs to a provider's model, by the upper bound and as the provider reported them."""
    return f"tg:{{{provider_id}}}:calibration:{model}"


def summary(tenant_id: UUID | str, digest: str) -> str:
    """String: the summary of the part of a conversation that has this hash."""
    return f"{tag(tenant_id)}summary:{digest}"


def summary_claim(tenant_id: UUID | str, digest: str) -> str:
    """String: there while some process makes that summary, and for a while after it has failed."""
    return f"{tag(tenant_id)}summary:{digest}:claim"
