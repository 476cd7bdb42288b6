"""Digests: whether a content is still the one that a result was made with, or a file was written.

A digest tells a file that was changed by accident. Whoever writes a digest anew must still get past
the checks of whoever reads the content.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirrisk.errors import NotFoundError

if TYPE_CHECKING:
    from mirrisk.errors import MirriskError

LARGEST = 50_000_000
"""Bytes of a file; one of 1000 miRNAs has about 20 million."""


def digest_of(content: object, *, allow_nan: bool = True) -> str:
    """Return the SHA-256 of plain types in canonical form (sorted-key JSON, UTF-8).

    Raises
    ------
    TypeError, ValueError, RecursionError
        If the content is not plain, or without ``allow_nan`` not finite, or nested too deeply.

    Examples
    --------
    >>> digest_of({"b": 1, "a": 2}) == digest_of({"a": 2, "b": 1})
    True
    """
    canonical = json.dumps(
        content, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=allow_nan
    )
    return hashlib.sha256(canonical.encode()).hexdigest()


@dataclass(frozen=True)
class FileKind:
    """A kind of JSON file with a format and a digest.

    Parameters
    ----------
    name : str
        What messages call its content.
    format : str or int
        The one that is read.
    writer : str
        The command that writes it.
    error : type of MirriskError
        What is raised of a file that is none.
    remedy : str
        For whoever gave a file of another kind.
    """

    name: str
    format: str | int
    writer: str
    error: type[MirriskError]
    remedy: str = ""

    def read(self, path: str | Path) -> dict[str, Any]:
        """Read a file.

        Raises
        ------
        NotFoundError
            If it cannot be read.
        MirriskError
            If it is too large, or no JSON object.
        """
        where = str(path)
        try:
            size = Path(path).stat().st_size
            if size > LARGEST:
                raise self.error(
                    f"the file has {size / 1e6:.0f} MB",
                    where=where,
                    expected=f"a {self.name}, of at most {LARGEST / 1e6:.0f} MB",
                )
            content = json.loads(
                Path(path).read_text(encoding="utf-8"), parse_constant=_refuse_constant
            )
        except OSError as error:
            raise NotFoundError(
                f"this {self.name} cannot be read: {error.strerror}", where=where
            ) from None
        except RecursionError:
            raise self._nested(where) from None
        except ValueError as error:
            if isinstance(error, self.error):
                raise
            raise self.error(
                f"not JSON: {error}",
                where=where,
                expected=f"a {self.name}, as `{self.writer}` writes it",
                remedy=self.remedy,
            ) from None
        if not isinstance(content, dict):
            raise self.error(f"not a {self.name}", where=where, expected="a JSON object")
        return content

    def without_digest(self, content: dict[str, Any], where: str) -> dict[str, Any]:
        """Return the rest of a content whose format and digest are right.

        Raises
        ------
        MirriskError
            If they are not, or the content is not plain.
        """
        rest = {name: value for name, value in content.items() if name != "digest"}
        if (type(rest.get("format")), rest.get("format")) != (type(self.format), self.format):
            raise self.error(
                f"format is {rest.get('format')!r}",
                where=where,
                expected=f"{self.format}, a file written by `{self.writer}`",
            )
        try:
            # Of what is not plain, or not finite, there is no digest.
            found = digest_of(rest, allow_nan=False)
        except RecursionError:
            raise self._nested(where) from None
        except (TypeError, ValueError) as error:
            raise self.error(f"not plain JSON: {error}", where=where) from None
        if content.get("digest") != found:
            raise self.error(
                "the file was changed after it was written: its digest does not match",
                where=where,
                remedy=f"fetch or fit the {self.name.removeprefix('fitted ')} again",
            )
        return rest

    def _nested(self, where: str) -> MirriskError:
        return self.error(f"not a {self.name}: it is nested too deeply", where=where)


def _refuse_constant(constant: str) -> float:
    raise ValueError(f"{constant} is no number of JSON")
