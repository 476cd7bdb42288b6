"""Write signatures/schema.json, the JSON Schema of signature files, from the models.

Run it after every change of the models in ``mirrisk.panel``::

    python tools/build_schema.py
"""

from __future__ import annotations

import json
from pathlib import Path

from mirrisk.panel import json_schema

SCHEMA = Path(__file__).resolve().parents[1] / "signatures" / "schema.json"


def schema_text() -> str:
    """Return what the file must hold."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMA.write_text(schema_text(), encoding="utf-8")
    print(f"wrote {SCHEMA}")
