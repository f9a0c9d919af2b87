"""The dead letter: rejected records, with reason, as a Singer file that can be replayed.

`target-klaviyo --config … < rejected.singer` sends them again. The file holds the records as they
came (under their raw stream, so that a replay goes through the transform again), each RECORD
message with one more key, `reason`, and before them the SCHEMA messages they need.

Nothing in it is ever lost, and a replay never reads what it writes:

- a run with rejects first copies what is there, adds to the copy, and puts the copy in its place,
  so that whoever reads the old file comes to its end;
- when the input *is* the file, and the run has taken all of it, the records that went through
  leave the file and those rejected again stay.
"""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress
from typing import IO, TYPE_CHECKING

import orjson

from target_klaviyo.errors import TargetError

if TYPE_CHECKING:
    from pathlib import Path

    from target_klaviyo.rows.contract import Origin

_OLD_REASON = re.compile(rb',"reason":"(?:[^"\\]|\\.)*"\}\Z')


def replay(path: Path) -> str:
    """The command that sends the records of a rejects file again; with the same settings."""
    return f"target-klaviyo --config … < {path}"


class RejectsFile:
    """Appends rejects to `path`, which need not exist.

    Args:
        path: where rejects go; folders are made as needed.
        input_descriptor: of the run's input, to notice when that is the same file.
    """

    def __init__(self, path: Path, input_descriptor: int | None = None) -> None:
        self._path = path
        self._file: IO[bytes] | None = None
        self._failure: TargetError | None = None
        self._replayed_bytes = self._size_if_input(input_descriptor)
        self._schemas: dict[str, bytes] = {}

    def write(self, origin: Origin, reason: str) -> None:
        """Add a record, once however many of its rows are rejected; safe after `flush`.

        Raises:
            TargetError: the file cannot be written.
        """
        if self._failure is not None:
            raise self._failure
        if origin.rejected:
            return
        origin.rejected = True
        try:
            if self._file is None:
                self._file = self._open()
            if self._schemas.get(origin.stream) is not origin.schema:
                self._schemas[origin.stream] = origin.schema
                self._file.write(origin.schema.strip() + b"\n")
            self._file.write(with_reason(origin.line, reason) + b"\n")
        except OSError as error:
            raise self._unwritable(error) from error

    def persist(self) -> None:
        """Hand everything to the operating system, so that it outlives this process.

        Raises:
            TargetError: the file cannot be written; once that has been so, it stays so.
        """
        if self._failure is not None:
            raise self._failure
        if self._file is not None:
            try:
                self._file.flush()
            except OSError as error:
                raise self._unwritable(error) from error

    def close(self, *, complete: bool) -> None:
        """Close the file; `complete` when all input was taken: of a replayed one its rejects stay.

        Raises:
            TargetError: the file cannot be written, which nobody has been told yet.
        """
        if self._failure is not None:
            return
        self.persist()
        if complete and self._replayed_bytes is not None:
            try:
                self._forget_replayed(self._replayed_bytes)
            except OSError as error:
                raise self._unwritable(error) from error
        if self._file is not None:
            self._file.close()
            self._file = None

    def _size_if_input(self, descriptor: int | None) -> int | None:
        if descriptor is None:
            return None
        try:
            there, read = self._path.stat(), os.fstat(descriptor)
        except OSError:
            return None
        same = (there.st_dev, there.st_ino) == (read.st_dev, read.st_ino)
        return there.st_size if same else None

    def _open(self) -> IO[bytes]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if not self._path.exists() or not self._path.stat().st_size:
            return self._path.open("ab")
        copy = self._copy_path
        shutil.copyfile(self._path, copy)
        complete = _length_of_complete_lines(copy)
        os.truncate(copy, complete)
        if self._replayed_bytes is not None:
            self._replayed_bytes = complete
        file = copy.open("ab")
        copy.replace(self._path)
        return file

    def _forget_replayed(self, size: int) -> None:
        rest = b""
        if self._file is not None:
            with self._path.open("rb") as everything:
                everything.seek(size)
                rest = everything.read()
        self._copy_path.write_bytes(rest)
        self._copy_path.replace(self._path)

    @property
    def _copy_path(self) -> Path:
        return self._path.with_name(self._path.name + ".new")

    def _unwritable(self, error: OSError) -> TargetError:
        """The error to raise; what the file's buffer holds is given up, for good."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
        self._failure = TargetError(
            f"The rejects file {self._path} cannot be written ({error.strerror}); make room for "
            "it, or name another file in the setting 'rejects_path'."
        )
        return self._failure


def with_reason(line: bytes, reason: str) -> bytes:
    """A RECORD message with `reason` as its last key; a reason from an earlier run gives way.

    The message is not parsed: what was rejected may be what a parser chokes on.
    """
    message = line.strip()
    body = _OLD_REASON.sub(b"", message)
    if body == message:
        body = message[:-1]
    return body + b',"reason":' + orjson.dumps(_printable(reason)) + b"}"


def _printable(text: str) -> str:
    """A reason may quote text that has no UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()


def _length_of_complete_lines(path: Path) -> int:
    """The file's size without a last line cut short by a crash; its record was never passed."""
    with path.open("rb") as file:
        content = file.read()
    return content.rfind(b"\n") + 1
