"""Digests: whether a content is still the one that a result was made with."""

from __future__ import annotations

import hashlib
import json


def digest_of(content: object) -> str:
    """Return the SHA-256 of plain types in canonical form (sorted-key JSON, UTF-8).

    Examples
    --------
    >>> digest_of({"b": 1, "a": 2}) == digest_of({"a": 2, "b": 1})
    True
    """
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
