"""Which answers are judged: a share of them, chosen by the request's id alone."""

from __future__ import annotations

import hashlib
from uuid import UUID


def is_sampled(request_id: UUID, share: float) -> bool:
    """Whether the answer is among the `share` (0 to 1) that is judged. Who is in a sample is in every larger one, whoever asks and when.

    Not the sample of hits that are checked: a name of its own makes the two independent.
    """
    place = int.from_bytes(hashlib.blake2b(request_id.bytes, digest_size=8, person=b"judge").digest(), "big")
    return place < share * 2**64
