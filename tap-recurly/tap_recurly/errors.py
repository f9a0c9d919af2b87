"""Everything that can end a run, grouped by what a person does about it.

TapRecurlyError             one sentence: what, where, what to do; exit code 1
├── ConfigurationError      setting, catalog or STATE missing or wrong: correct it
├── CredentialsError        Recurly refuses the key itself: give the right one
├── UnreachableError        no answer, or none that can be read, after all tries: run again
├── BudgetError             every request refused as too many: give the site air, run again
├── RequestError            Recurly refuses this one request
│   ├── NotFoundError       404: what was asked for is not there
│   ├── ForbiddenError      403: the key may not read this list
│   ├── MissingFeatureError the site does not have the feature behind this list
│   ├── ApiVersionError     406: Recurly no longer speaks this version: take a newer tap
│   └── RedirectedError     3xx: the answer is elsewhere, where the key must not go
├── IncompleteListError     pages give fewer rows than Recurly counts: run again
├── UnexpectedDataError     a record is not as Recurly describes it: leave its stream out
├── OutputClosedError       nobody reads the output any more: look for the target's error
├── StorageError            output or temporary folder takes nothing more: make room
└── StoppedError            a signal: run again, it continues from the last STATE; exit code 128 + n
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class TapRecurlyError(Exception):
    """A fault a person can act on; its text is one sentence that says how."""


class ConfigurationError(TapRecurlyError):
    """A setting, the catalog or the STATE is missing or wrong."""


class CredentialsError(TapRecurlyError):
    """Recurly does not accept the API key, or it belongs to another site."""


class UnreachableError(TapRecurlyError):
    """Recurly could not be reached or gave no readable answer, however often it was asked."""


class BudgetError(TapRecurlyError):
    """Recurly kept refusing requests as too many."""


class RequestError(TapRecurlyError):
    """Recurly refuses this request and would refuse it again."""


class NotFoundError(RequestError):
    """Nothing is at this address (any more)."""


class ForbiddenError(RequestError):
    """The key may not read this list."""


class MissingFeatureError(RequestError):
    """The site does not have the feature behind this list."""


class ApiVersionError(RequestError):
    """Recurly does not speak the API version that this tap asks for."""


class RedirectedError(RequestError):
    """The answer points elsewhere, where the key must not go."""


class IncompleteListError(TapRecurlyError):
    """The pages of a list give fewer rows than Recurly counts, however often they are asked for.

    Attributes:
        complete_until: Up to when the list has come whole; None when that is nothing.
    """

    def __init__(self, message: str, complete_until: datetime | None = None) -> None:
        super().__init__(message)
        self.complete_until = complete_until


class UnexpectedDataError(TapRecurlyError):
    """A record is so different from Recurly's description that its stream cannot be read on."""


class OutputClosedError(TapRecurlyError):
    """The reader of the tap's output has gone."""

    def __init__(self) -> None:
        super().__init__(
            "Nobody reads the tap's output any more: look for the error of the target."
        )


class StorageError(TapRecurlyError):
    """What is to be written finds no room: the output, or what waits in the temporary folder."""

    def __init__(self, what: str, fault: Exception, advice: str) -> None:
        reason = getattr(fault, "strerror", None) or str(fault)
        super().__init__(
            f"{what} cannot be written ({reason}): {advice}, then run again; it continues from the "
            f"last STATE."
        )


class StoppedError(TapRecurlyError):
    """The process was asked to stop; its exit code says so as that of any Unix tool."""

    def __init__(self, signum: int) -> None:
        super().__init__(
            "The tap was stopped by a signal: run again, it continues from the last STATE."
        )
        self.exit_code = 128 + signum
