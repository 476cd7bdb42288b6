"""What has been scored already, and from what: one line of JSON per file."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

NAME = "manifest.jsonl"
"""Beside the outputs."""


def digest_of_file(path: str | Path) -> str:
    """Return the SHA-256 of a file, or of the files of a data set."""
    path = Path(path)
    digest = hashlib.sha256()
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    for file in files:
        with file.open("rb") as opened:
            while block := opened.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def digest_of_bytes(content: bytes) -> str:
    """Return the SHA-256 of a content."""
    return hashlib.sha256(content).hexdigest()


def load(folder: Path) -> dict[str, dict[str, Any]]:
    """Return what a manifest says, by where a file's scores are; the last word counts.

    A line that is not as it was written (cut short when a run was interrupted, or damaged) is
    passed by: its file is scored again.
    """
    path = folder / NAME
    if not path.is_file():
        return {}
    found = {}
    for line in path.read_bytes().splitlines():
        try:
            entry = json.loads(line)
            if entry.pop("line") == _digest_of_line(entry):
                found[entry["outputs"]["out"][0]] = entry
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            continue
    return found


def line_of(entry: dict[str, Any]) -> str:
    """Return the line of one file, with a digest of itself."""
    # In ASCII: names of files may be of bytes that no UTF-8 has.
    return json.dumps({**entry, "line": _digest_of_line(entry)}) + "\n"


def _digest_of_line(entry: dict[str, Any]) -> str:
    return digest_of_bytes(json.dumps(entry, sort_keys=True).encode())
