"""Bytes of a delimited file, decompressed, in blocks of whole lines."""

from __future__ import annotations

import lzma
import zlib
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from mirrisk.errors import InvalidTableError
from mirrisk.tables.decoding import BINARY, COMPRESSIONS, MARKS, ZSTD
from mirrisk.tables.streaming.part import UnstreamableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BLOCK_BYTES = 1 << 22
"""Large enough that a block costs little beside its bytes, small enough for any memory."""

UTF8_MARK = b"\xef\xbb\xbf"


def blocks(path: Path, size: int = BLOCK_BYTES) -> Iterator[bytes]:
    """Yield a file's bytes in blocks of whole lines, ended by LF, without byte-order mark.

    Raises
    ------
    InvalidTableError
        If the file is damaged, or binary.
    UnstreamableError
        If its encoding, line ends or quotes do not let it be cut into blocks.
    """
    with _readable(), _opened(path) as stream:
        rest = _first(stream.read(size))
        while True:
            more = stream.read(size)
            end = len(rest) if not more else rest.rfind(b"\n") + 1
            if end:
                yield _checked(rest[:end])
            elif b"\r" in rest:
                raise UnstreamableError("lines end with CR")
            if not more:
                return
            rest = rest[end:] + more


def cut(text: bytes, size: int = BLOCK_BYTES) -> Iterator[bytes]:
    """Yield a text in blocks of whole lines."""
    start = 0
    while start < len(text):
        end = text.find(b"\n", start + size) + 1 or len(text)
        yield text[start:end]
        start = end


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise InvalidTableError(f"cannot be read: {error.strerror}") from None
        raise InvalidTableError(
            f"the compressed file is damaged or cut short ({error})",
            remedy="copy or download it again",
        ) from None


def _opened(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        start = file.read(8)
    if start.startswith(ZSTD):
        import pyarrow as pa

        stream: IO[bytes] = pa.input_stream(str(path), compression="zstd")
        return stream
    for magic, module in COMPRESSIONS.items():
        if start.startswith(magic):
            opened: IO[bytes] = module.open(path, "rb")
            return opened
    return path.open("rb")


def _first(block: bytes) -> bytes:
    """Return the first bytes without their mark, if they are UTF-8 or one of its parts."""
    if any(block.startswith(magic) for magic in BINARY):
        raise UnstreamableError("binary")
    if block.startswith(UTF8_MARK):
        return block[len(UTF8_MARK) :]
    if any(block.startswith(mark) for mark, _, _ in MARKS):
        raise UnstreamableError("UTF-16 or UTF-32")
    return block


def _checked(block: bytes) -> bytes:
    """Return a block with lines ended by LF alone."""
    if b"\x00" in block:
        raise UnstreamableError("NUL bytes")
    if not block.isascii():
        try:
            block.decode("utf-8")
        except UnicodeDecodeError:
            # Then all of the file is Latin-1, also what was valid UTF-8 so far.
            raise UnstreamableError("no UTF-8") from None
    if b'"' in block and block.count(b'"') % 2:
        raise UnstreamableError("a quoted cell runs over the end of a block")
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return block
