"""``python -m mirrisk`` is the command ``mirrisk``."""

from __future__ import annotations

import sys

from mirrisk.cli import main

if __name__ == "__main__":
    sys.exit(main())
