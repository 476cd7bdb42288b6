"""Bytes of a file to text: compressions, encodings, ends of lines."""

from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
import zlib

from mirrisk.errors import InvalidTableError

COMPRESSIONS = {b"\x1f\x8b": gzip, b"BZh": bz2, b"\xfd7zXZ\x00": lzma}
"""How a compressed file begins -> the module that opens it; Arrow opens zstd."""

ZSTD = b"\x28\xb5\x2f\xfd"
BINARY = {
    b"PK\x03\x04": "an Excel workbook or another zip archive",
    b"\xd0\xcf\x11\xe0": "an Excel workbook in the old format",
    b"PAR1": "a Parquet file",
    b"ARROW1": "a Feather file",
    b"\x89HDF": "an HDF5 file, such as .h5ad",
}
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8"),
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),  # begins with the mark of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)


def text_of(content: bytes) -> str:
    """Return a file's text, lines ended by LF.

    Raises
    ------
    InvalidTableError
        If the file is damaged, or no text.
    """
    text = _decoded(_decompressed(content))
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _decompressed(content: bytes) -> bytes:
    try:
        if content.startswith(ZSTD):
            import pyarrow as pa

            return bytes(pa.CompressedInputStream(pa.BufferReader(content), "zstd").read())
        for magic, module in COMPRESSIONS.items():
            if content.startswith(magic):
                return bytes(module.decompress(content))
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
        raise InvalidTableError(
            f"the compressed file is damaged or cut short ({error})",
            remedy="copy or download it again",
        ) from None
    return content


def _decoded(content: bytes) -> str:
    for magic, kind in BINARY.items():
        if content.startswith(magic):
            raise InvalidTableError(
                f"the file is {kind}", expected="delimited text", remedy="save it as CSV in UTF-8"
            )
    for mark, encoding, name in MARKS:
        if content.startswith(mark):
            try:
                return content.decode(encoding)
            except UnicodeDecodeError:
                raise InvalidTableError(
                    f"the file is damaged: its mark says {name}, its bytes do not",
                    expected="text in one encoding, complete",
                    remedy="save it as CSV in UTF-8",
                ) from None
    if b"\x00" in content:
        raise InvalidTableError(
            "the file holds NUL bytes: it is binary, or UTF-16 without its mark",
            expected="delimited text",
            remedy="save it as CSV in UTF-8",
        )
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")
