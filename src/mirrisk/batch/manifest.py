"""What has been scored already, and from what: one line of JSON per file."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

NAME = "manifest.jsonl"
"""Beside the outputs."""


def digest_of_file(path: str | Path, content: bytes | None = None) -> str:
    """Return the SHA-256 of a file, or of the files of a data set."""
    digest = hashlib.sha256()
    if content is not None:
        digest.update(content)
        return digest.hexdigest()
    files = sorted(p for p in Path(path).rglob("*") if p.is_file()) or [Path(path)]
    for file in files:
        with file.open("rb") as opened:
            while block := opened.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def load(folder: Path) -> dict[str, dict[str, Any]]:
    """Return what a manifest says, by the output's name; the last word counts."""
    path = folder / NAME
    if not path.is_file():
        return {}
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            entry = json.loads(line)
            found[entry["output"]] = entry
        except (ValueError, KeyError, TypeError):
            continue  # cut short when a run was interrupted: that file is scored again
    return found


def line_of(entry: dict[str, Any]) -> str:
    """Return the line of one file."""
    return json.dumps(entry, ensure_ascii=False) + "\n"
