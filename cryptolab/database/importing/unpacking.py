"""From a path to the bytes of a text, whatever it is packed in and however it is encoded."""

from __future__ import annotations

import gzip
import os
import re
import zipfile
import zlib
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd

from cryptolab.checks import refuse
from cryptolab.errors import DataError

PARQUETS = (".parquet", ".pq")
_TEXTS = (".csv", ".txt", ".tsv")


def broken_file(name: str, kind: str, error: Exception) -> NoReturn:
    """Refuse a file that could not be read, with the reader's own first line as the reason."""
    reason = str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
    refuse(name, f"a file that cannot be read as {kind} ({reason})", "download or write it again", DataError)


def path_of(file: Any) -> Path:
    """Return the path of a file that is there, has bytes in it and a known ending."""
    kinds = ".parquet, .csv, .txt, .tsv, .zip or .gz"
    if not isinstance(file, str | os.PathLike) or not str(file):
        refuse("file", repr(file), f"give the path of a {kinds} file")
    path = Path(file).expanduser()
    if path.is_dir():
        refuse("file", f"the folder {path}", "give the files in it")
    if not path.exists():
        refuse("file", f"{path.absolute()}, where there is no file", "check the path")
    if path.suffix.lower() not in (*PARQUETS, *_TEXTS, ".zip", ".gz"):
        refuse("file", path.name, f"give a file that ends in {kinds}")
    if path.stat().st_size == 0:
        refuse(path.name, "an empty file", "download or write it again", DataError)
    return path


def unpacked(path: Path, name: str, written: pd.Timestamp) -> tuple[bytes, pd.Timestamp, str]:
    """Return the bytes and the age of the text that a file is or holds, and its name inside an archive."""
    try:
        if path.suffix.lower() == ".gz":
            return gzip.decompress(path.read_bytes()), written, ""
        if path.suffix.lower() != ".zip":
            return path.read_bytes(), written, ""
        with zipfile.ZipFile(path) as archive:
            inside = [
                entry for entry in archive.infolist()
                if Path(entry.filename).suffix.lower() in _TEXTS and not entry.filename.startswith("__MACOSX")
            ]  # fmt: skip
            if len(inside) != 1:
                found = ", ".join(entry.filename for entry in inside[:3]) or "no .csv, .txt or .tsv file"
                refuse(name, f"an archive with {found}", "unpack it and give the files one by one", DataError)
            return archive.read(inside[0]), min(_age(inside[0]) or written, written), inside[0].filename
    except (zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError, OSError, RuntimeError) as error:
        broken_file(name, f"a {path.suffix.lower()[1:]} archive", error)


def _age(entry: zipfile.ZipInfo) -> pd.Timestamp | None:
    """Return when an entry was written; some writers leave it at day 0 of month 0."""
    try:
        return pd.Timestamp(*entry.date_time, tz="UTC")
    except ValueError:
        return None


def utf8(name: str, content: bytes) -> bytes:
    """Return text as UTF-8 without a byte order mark, its lines ended by a line feed."""
    if content[:4] in (b"\xff\xfe\0\0", b"\0\0\xfe\xff"):
        content = content.decode("utf-32", errors="replace").encode()
    elif content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        content = content.decode("utf-16", errors="replace").encode()
    if b"\0" in content[:1024]:
        refuse(name, "what looks binary and not like text", "unpack it, or write it as text in UTF-8", DataError)
    content = content.removeprefix(b"\xef\xbb\xbf")
    try:
        content.decode()
    except UnicodeDecodeError:
        content = content.decode("latin-1").encode()
    if b"\r" not in content:
        return content
    return re.sub(rb"\r+\n", b"\n", content) if b"\n" in content else content.replace(b"\r", b"\n")
