"""The dead letter: rejected records, with reason, as a Singer file that can be replayed.

`target-klaviyo --config … < rejected.singer` sends them again. The file holds the records as they
came, but for secrets (under their raw stream, so that a replay goes through the transform again),
each RECORD message with one more key, `reason`, and before them the SCHEMA messages they need.

A row has one entry, told apart by its stream and key. It is replaced when the row is rejected
again, and leaves the file when the row goes through, be that in a replay or because the source sent
it anew; so a replay never puts an older row over a newer one.

Several runs may share the file, since nothing is ever changed in it but under its lock, and whoever
reads it while it is changed reads a file of its own:

- before a run's first reject, and before it reads when it replays the file in place, a copy is put
  in the file's place: rejects are appended to that, and whatever was being read stays as it was;
- entries leave at the end of a run, again by a copy.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shlex
import shutil
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, NamedTuple

from target_klaviyo.errors import TargetError
from target_klaviyo.writing.redaction import hide, without_secrets
from target_klaviyo.writing.reject_entries import (
    Line,
    digest,
    key_properties,
    lines,
    parsed,
    row_key,
    with_reason,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from target_klaviyo.rows.contract import Origin

MAX_BYTES_UNWRITTEN = 256 * 1024
_END_BYTES = 64 * 1024


def replay(path: Path, environment: Mapping[str, str] = os.environ) -> str:
    """The command that sends the records of a rejects file again; with the same settings.

    Meltano tells by `environment` what it has started, and in which of its environments: in another
    one the records would go to another account.
    """
    source = shlex.quote(str(path))
    loader = environment.get("MELTANO_LOADER_NAME")
    if not loader:
        return f"target-klaviyo --config … < {source}"
    chosen = environment.get("MELTANO_ENVIRONMENT")
    is_default = chosen == environment.get("MELTANO_DEFAULT_ENVIRONMENT")
    option = f"--environment={chosen} " if chosen and not is_default else ""
    return f"meltano {option}invoke {loader} < {source}"


class _Entry(NamedTuple):
    """The newest entry of a row: its digest, and the number of the record it was made of.

    Records are counted from 1; an entry that was in the file before has the number 0.
    """

    digest: bytes
    number: int


class RejectsFile:
    """Keeps the rejects of a run in `path`, which need not exist.

    Args:
        path: where rejects go; folders are made as needed.
        input_descriptor: of the run's input, to notice when that is the same file.
        secrets: names of fields that are never written.
    """

    def __init__(
        self,
        path: Path,
        input_descriptor: int | None = None,
        secrets: frozenset[str] = frozenset(),
    ) -> None:
        self.path = path
        self._secrets = secrets
        self._failure: TargetError | None = None
        self._unwritten: list[Line] = []
        self._unwritten_bytes = 0
        self._is_a_copy = False
        self._taken: dict[bytes, tuple[int, int]] = {}  # number and epoch of a row's last record
        self._records = 0
        self._holds_doubles = False
        try:
            replays = input_descriptor is not None and self._is_in_place(input_descriptor)
            if replays and self.path.is_file():
                self._rewrite({})
            self._entries = self._load()
        except OSError as error:
            raise self._unwritable(error) from error

    def write(self, origin: Origin, reason: str) -> None:
        """Add a record, once however many of its rows are rejected; raises as `persist`."""
        if self._failure is not None:
            raise self._failure
        if origin.rejected:
            return
        origin.rejected = True
        line, secrets = without_secrets(origin.line.strip(), self._secrets)
        entry = with_reason(line, hide(secrets, reason)) + b"\n"
        key = row_key(
            origin.stream, key_properties(origin.schema), parsed(line).get("record"), line
        )
        self._holds_doubles |= key in self._entries
        number = origin.number or self._records + 1  # rejected late, or before all rows were taken
        self._entries[key] = _Entry(digest(entry), number)
        self._unwritten.append(Line(entry, origin.stream, origin.schema.strip() + b"\n", key))
        self._unwritten_bytes += len(entry)
        if self._unwritten_bytes > MAX_BYTES_UNWRITTEN:
            self.persist()

    def note_taken(self, origin: Origin, record: object, epoch: int) -> None:
        """All rows of a record have been taken: an older entry of its row is obsolete."""
        self._records += 1
        origin.number = self._records
        if not self._entries:
            return
        line, names = origin.line, key_properties(origin.schema)
        if not names:
            line, _ = without_secrets(line, self._secrets)
            record = parsed(line).get("record")
        key = row_key(origin.stream, names, record, line)
        if key in self._entries:
            self._taken[key] = (origin.number, epoch)

    def persist(self) -> None:
        """Hand everything to the operating system, so that it outlives this process.

        Raises TargetError when the file cannot be written; once that has been so, it stays so.
        """
        if self._failure is not None:
            raise self._failure
        if not self._unwritten:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if not self._is_a_copy and self.path.is_file():
                self._rewrite({})
            self._append(self._unwritten)
            self._is_a_copy = True
        except OSError as error:
            raise self._unwritable(error) from error
        self._unwritten, self._unwritten_bytes = [], 0

    def close(self, *, covered_epoch: float) -> None:
        """Write what is left; entries leave whose rows went through.

        Rows of epochs before `covered_epoch` have come to their end, and no later run is given them
        again. Raises as `persist`.
        """
        self.persist()
        obsolete = {
            key: self._entries[key].digest
            for key, (number, epoch) in self._taken.items()
            if number > self._entries[key].number and epoch < covered_epoch
        }
        if (obsolete or self._holds_doubles) and self.path.is_file():
            try:
                self._rewrite(obsolete)
            except OSError as error:
                raise self._unwritable(error) from error
        self._taken, self._holds_doubles = {}, False

    # The file.

    def _is_in_place(self, descriptor: int) -> bool:
        """Whether this is the file, and not one that it has replaced."""
        try:
            return os.path.samestat(self.path.stat(), os.fstat(descriptor))
        except OSError:
            return False

    def _load(self) -> dict[bytes, _Entry]:
        entries: dict[bytes, _Entry] = {}
        if self.path.is_file():
            with self.path.open("rb") as file:
                for line in lines(file):
                    if line.key is not None:
                        entries[line.key] = _Entry(digest(line.content), 0)
        return entries

    def _append(self, entries: list[Line]) -> None:
        """Add entries, behind their SCHEMAs; all or none of them."""
        with self._locked() as file:
            if not self.path.is_file():  # a device
                _write_all(file, _with_schemas(entries, {}))
                return
            size = _complete_size(file)
            os.ftruncate(file.fileno(), size)
            try:
                _write_all(file, _with_schemas(entries, {}))
            except OSError:
                os.ftruncate(file.fileno(), size)
                raise

    def _rewrite(self, obsolete: dict[bytes, bytes]) -> None:
        """Put a copy in the file's place: the newest entry of each row, and none that is obsolete.

        `obsolete` has the entry's digest by its row: another run may have written another since.
        """
        with self._locked(), self.path.open("rb") as file, self._replacement() as copy:
            newest = {line.key: number for number, line in enumerate(lines(file))}
            file.seek(0)
            schemas: dict[str, bytes] = {}
            for number, line in enumerate(lines(file)):
                if line.key is None:
                    if not line.is_schema:
                        copy.write(line.content)
                elif number == newest[line.key] and obsolete.get(line.key) != digest(line.content):
                    copy.write(_with_schemas([line], schemas))
        self._is_a_copy = True

    @contextmanager
    def _locked(self) -> Iterator[IO[bytes]]:
        """The file, which is made if need be, while nobody else changes it."""
        while True:
            with _open_privately(self.path, "ab+", buffering=0) as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                # Whoever had the lock before may have put another file in the place of this one.
                if self._is_in_place(file.fileno()):
                    yield file
                    return

    @contextmanager
    def _replacement(self) -> Iterator[IO[bytes]]:
        """What takes the file's place once it is written: whoever may read this may read that.

        A link stays one, and the file is replaced where it really is.
        """
        path = self.path.resolve()
        new = path.with_name(path.name + ".new")
        try:
            with _open_privately(new, "wb") as copy:
                shutil.copymode(path, new)
                yield copy
            new.replace(path)
        except OSError:
            new.unlink(missing_ok=True)
            raise

    def _unwritable(self, error: OSError) -> TargetError:
        """The error to raise; what was not written is given up, for good."""
        if error.errno == errno.EBUSY:
            sentence = (
                f"The rejects file {self.path} is mounted by itself, so that no other can take its "
                f"place ({error.strerror}); mount a folder, and name a file in it in the setting "
                "'rejects_path'."
            )
        else:
            sentence = (
                f"The rejects file {self.path} cannot be written ({error.strerror}); make room for "
                "it, or name another file in the setting 'rejects_path'."
            )
        self._failure = TargetError(sentence)
        return self._failure


def _with_schemas(entries: list[Line], schemas: dict[str, bytes]) -> bytes:
    """Entries, each behind its SCHEMA where that is not in force yet, by `schemas`."""
    pieces = []
    for entry in entries:
        if entry.schema.strip() and schemas.get(entry.stream) != entry.schema:
            schemas[entry.stream] = entry.schema
            pieces.append(entry.schema)
        pieces.append(entry.content)
    return b"".join(pieces)


def _write_all(file: IO[bytes], content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[file.write(rest) :]


def _complete_size(file: IO[bytes]) -> int:
    """The file's size without a last line cut short by a crash; its record was never passed."""
    at = end = file.seek(0, os.SEEK_END)
    while at:
        at = max(0, at - _END_BYTES)
        file.seek(at)
        found = file.read(end - at).rfind(b"\n")
        if found >= 0:
            return at + found + 1
        end = at
    return 0


def _open_privately(path: Path, mode: str, buffering: int = -1) -> IO[bytes]:
    """Open a file that, when it is new, nobody else may read: it holds customers' data."""

    def opener(name: str, flags: int) -> int:
        return os.open(name, flags, 0o600)

    return open(path, mode, buffering, opener=opener)
