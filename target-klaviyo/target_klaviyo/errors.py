"""The errors of target-klaviyo: each is one sentence a person can act on.

TargetError                    ends the run with exit code 1, its sentence the last line
├── SettingsError              a setting is missing, misspelt or impossible
├── InputError                 the input is not the Singer stream it should be
├── KlaviyoError               Klaviyo refuses the whole run, or cannot be reached
│   └── ScopeError             the key lacks a scope
├── NothingRecognised          not one stream of the input is known: a mistake in the settings
├── TooManyRejects             so many rows are bad that the fault must be systemic
└── AuditDiffers               Klaviyo does not hold what it should; the report says what
RunInterrupted                 SIGTERM or SIGINT: exit code 143 or 130
RowRejected                    one row is bad: it goes to the rejects file, the run goes on
"""

from __future__ import annotations

import signal


class TargetError(Exception):
    """Ends the run; `str()` is the sentence for the user: what, where, what to do."""


class SettingsError(TargetError):
    """A setting is missing, misspelt or impossible."""


class InputError(TargetError):
    """The input is not the Singer stream it should be."""


class KlaviyoError(TargetError):
    """Klaviyo refuses the whole run, or cannot be reached."""


class ScopeError(KlaviyoError):
    """The key lacks a scope of the endpoint it was used for."""


class NothingRecognised(TargetError):  # noqa: N818  (the name says what happened)
    """Records were read, and not one stream of them is known."""


class TooManyRejects(TargetError):  # noqa: N818  (the name says what happened)
    """More rows than `max_reject_percent`, or all of them, were rejected."""


class AuditDiffers(TargetError):  # noqa: N818  (the name says what was found)
    """An audit found differences that nothing explains."""


class RunInterrupted(Exception):  # noqa: N818  (a request to stop is no error)
    """A signal asked the run to stop; what was in flight is finished and its STATE printed."""

    def __init__(self, signum: int) -> None:
        super().__init__(
            f"Stopped by {signal.Signals(signum).name} before the end. Nothing is lost: the last "
            "STATE stands only for rows that are stored or in the rejects file. Run it again, and "
            "it goes on from there (an audit begins anew)."
        )
        self.exit_code = 128 + signum


class RowRejected(Exception):  # noqa: N818  (the row is at fault, not the run)
    """One row cannot be stored.

    Attributes:
        reason: a sentence that is true of this row; may name its fields.
        rule: the same without anything of the row in it; the log counts rejects by rule.
    """

    def __init__(self, reason: str, *, rule: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.rule = rule or reason
