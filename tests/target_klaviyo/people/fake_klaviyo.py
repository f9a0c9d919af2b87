"""Klaviyo's profiles in memory, as its documents describe them: answers calls, one at a time."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import orjson

from target_klaviyo.klaviyo.client import Client
from target_klaviyo.klaviyo.endpoints import (
    BULK_PROFILES,
    IMPORT_ERRORS,
    IMPORT_JOB,
    PROFILE_MERGE,
    PROFILE_UPDATE,
    PROFILES,
    Answer,
    NoAnswer,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from target_klaviyo.klaviyo.endpoints import Call

READS = {PROFILES, IMPORT_JOB, IMPORT_ERRORS}


class Killed(Exception):  # noqa: N818  (what happens to a run)
    """The process has come to a sudden end."""


@dataclass(eq=False)
class FakeProfile:
    """A profile."""

    id: str
    email: str | None = None
    external_id: str | None = None
    properties: dict[str, Any] = field(default_factory=dict)


class FakeKlaviyo(Client):
    """An account's profiles.

    `faults` are what happens at requests, by their number from now on: "lost" carries a request
    out whose answer is lost, "busy" does not carry it out, a callable comes before it, and "kill"
    ends the run.

    Attributes:
        profiles: those that there are, by id.
        requests: how many came since the run began.
        writes: calls that could have changed something, since this was emptied.
    """

    def __init__(self) -> None:
        super().__init__(api_url="http://klaviyo.invalid", api_key="k", revision="r", timeout=1)
        self.profiles: dict[str, FakeProfile] = {}
        self.writes: list[Call] = []
        self.faults: dict[int, str | Callable[[], None]] = {}
        self._ids = itertools.count(1)
        self._merges: list[tuple[str, str, int]] = []
        self._errors: dict[str, list[dict[str, Any]]] = {}
        self.requests = 0

    def begin_run(self, faults: dict[int, str | Callable[[], None]]) -> None:
        """Count requests from now on, and let these things happen at them."""
        self.faults, self.requests = faults, 0

    def with_email(self, email: str) -> FakeProfile | None:
        """The profile with that address."""
        return next((it for it in self.profiles.values() if it.email == email), None)

    def with_external_id(self, external_id: str) -> FakeProfile | None:
        """The profile with that external id."""
        return next((it for it in self.profiles.values() if it.external_id == external_id), None)

    def add(self, email: str | None, external_id: str | None = None) -> FakeProfile:
        """A new profile."""
        made = FakeProfile(f"P{next(self._ids)}", email, external_id)
        self.profiles[made.id] = made
        return made

    def send(self, call: Call) -> Answer | NoAnswer:
        """Answer, unless something happens."""
        fault = self.faults.get(self.requests)
        self.requests += 1
        if callable(fault):
            fault()
        elif fault == "kill":
            raise Killed
        elif fault == "busy":
            return Answer(503, {}, b"")
        self._go_on_merging()
        if call.endpoint not in READS:
            self.writes.append(call)
        answer = self._answers[call.endpoint](self, call)
        return NoAnswer("the connection broke", connected=True) if fault == "lost" else answer

    def _go_on_merging(self) -> None:
        """A merge is done at the third request after it was asked for."""
        left = []
        for source_id, destination_id, looks in self._merges:
            source, destination = map(self.profiles.get, (source_id, destination_id))
            if looks > 1:
                left.append((source_id, destination_id, looks - 1))
            elif source is not None and destination is not None:
                del self.profiles[source_id]
                destination.external_id = destination.external_id or source.external_id
                destination.properties = {**source.properties, **destination.properties}
        self._merges = left

    def _list(self, call: Call) -> Answer:
        match = re.fullmatch(r"any\((\w+),(\[.*\])\)", call.query["filter"])
        assert match is not None
        kind, values = match[1], orjson.loads(match[2])
        found = [it for it in self.profiles.values() if getattr(it, kind) in values]
        return _document(200, [_resource(each) for each in found])

    def _update(self, call: Call) -> Answer:
        profile = self.profiles.get(unquote(call.path.rpartition("/")[2]))
        if profile is None:
            return _errors(404, "not_found", "There is no such profile.")
        attributes = orjson.loads(call.body or b"")["data"]["attributes"]
        taken = next((it for it in self._holders(attributes) if it is not profile), None)
        if taken is not None:
            return _errors(409, "duplicate_profile", "Taken.", duplicate_profile_id=taken.id)
        self._write(profile, attributes, nulls_clear=True)
        return _document(200, _resource(profile))

    def _merge(self, call: Call) -> Answer:
        data = orjson.loads(call.body or b"")["data"]
        (source,) = data["relationships"]["profiles"]["data"]
        if not {source["id"], data["id"]} <= self.profiles.keys():
            return _errors(404, "not_found", "There is no such profile.")
        self._merges.append((source["id"], data["id"], 3))
        return _document(201, {"type": "profile", "id": data["id"]})

    def _import(self, call: Call) -> Answer:
        job = f"J{next(self._ids)}"
        rows = orjson.loads(call.body or b"")["data"]["attributes"]["profiles"]["data"]
        self._errors[job] = [error for row in rows if (error := self._import_row(row))]
        return _document(202, {"type": "job", "id": job, "attributes": {"status": "queued"}})

    def _import_row(self, row: dict[str, Any]) -> dict[str, Any] | None:
        """Import a row; returns its error when it cannot be."""
        holders = self._holders(row["attributes"])
        if "id" in row:
            holders = [*filter(None, [self.profiles.get(row["id"])]), *holders]
            if row["id"] not in self.profiles:
                return {"title": "Unknown", "detail": "No such id.", "original_payload": row}
        if len({each.id for each in holders}) > 1:
            return {"title": "Duplicate email found.", "original_payload": row}
        profile = holders[0] if holders else self.add(None)
        self._write(profile, row["attributes"], nulls_clear=False)
        for name in row.get("meta", {}).get("patch_properties", {}).get("unset", []):
            profile.properties.pop(name, None)
        return None

    def _job(self, call: Call) -> Answer:
        failed = len(self._errors[call.path.rpartition("/")[2]])
        attributes = {"status": "complete", "failed_count": failed}
        return _document(200, {"id": "J", "attributes": attributes})

    def _job_errors(self, call: Call) -> Answer:
        errors = self._errors[call.path.split("/")[3]]
        return _document(200, [{"id": "E", "attributes": each} for each in errors])

    def _holders(self, attributes: dict[str, Any]) -> list[FakeProfile]:
        email, external_id = attributes.get("email"), attributes.get("external_id")
        return [
            each
            for each in self.profiles.values()
            if (email and each.email == email) or (external_id and each.external_id == external_id)
        ]

    @staticmethod
    def _write(profile: FakeProfile, attributes: dict[str, Any], *, nulls_clear: bool) -> None:
        """Write attributes; the last identifier is not cleared."""
        for kind in ("email", "external_id"):
            value = attributes.get(kind, ...)
            if value is None and nulls_clear and profile.email and profile.external_id:
                setattr(profile, kind, None)
            elif value not in {None, ...}:
                setattr(profile, kind, value)
        for name, value in attributes.get("properties", {}).items():
            if value is not None:
                profile.properties[name] = value
            elif nulls_clear:
                profile.properties.pop(name, None)

    _answers = {  # noqa: RUF012  (read only)
        PROFILES: _list,
        PROFILE_UPDATE: _update,
        PROFILE_MERGE: _merge,
        BULK_PROFILES: _import,
        IMPORT_JOB: _job,
        IMPORT_ERRORS: _job_errors,
    }


def _resource(profile: FakeProfile) -> dict[str, Any]:
    attributes = {
        "email": profile.email,
        "external_id": profile.external_id,
        "properties": dict(profile.properties),
    }
    return {"type": "profile", "id": profile.id, "attributes": attributes}


def _document(status: int, data: Iterable[Any] | dict[str, Any]) -> Answer:
    return Answer(status, {}, orjson.dumps({"data": data}))


def _errors(status: int, code: str, detail: str, **meta: str) -> Answer:
    error = {"code": code, "detail": detail, "source": {"pointer": "/data/attributes"}}
    return Answer(status, {}, orjson.dumps({"errors": [{**error, "meta": meta}]}))
