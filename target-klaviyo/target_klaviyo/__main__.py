"""The command `target-klaviyo`: arguments in, one sentence and an exit code out.

It takes signals from its very first moment. Loading the SDK takes most of a second. Until it is
there nothing has been read or sent, so a signal simply ends the process, with the exit code it has
later.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

from target_klaviyo.errors import RunInterrupted, TargetError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

_SDK_REMARKS = (
    "Skipping parse of env var settings",
    "Parsing env var for settings config",
    "Reader 'target-klaviyo' completed",
)
"""What the SDK does inside; the log tells of it when a variable asks for a log level."""


def main() -> NoReturn:
    """Run the command; every failure that is not a bug ends with one sentence on stderr."""
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, _leave)
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run the command with these arguments; returns the exit code."""
    # These take long to load; signals come first.
    import sqlite3  # noqa: PLC0415

    import click  # noqa: PLC0415
    from singer_sdk.exceptions import SingerSDKError  # noqa: PLC0415

    from target_klaviyo.target import TargetKlaviyo  # noqa: PLC0415

    if sys.stdout is None:
        return _fail(
            "Standard output is closed: send it to a file, or to /dev/null where nobody needs the "
            "STATEs."
        )
    # What it tells and warns of at any lower level may hold URLs, and those e-mail addresses.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    if not (os.environ.get("TARGET_KLAVIYO_LOGLEVEL") or os.environ.get("LOGLEVEL")):
        logging.getLogger("target-klaviyo").addFilter(_is_no_remark)
    try:
        TargetKlaviyo.cli.main(list(arguments), prog_name="target-klaviyo", standalone_mode=False)
    except RunInterrupted as interrupted:
        return _fail(str(interrupted), interrupted.exit_code)
    except click.ClickException as error:
        return _fail(error.format_message())
    except (TargetError, SingerSDKError) as error:
        return _fail(str(error))
    except sqlite3.Error as error:
        return _fail(
            f"An audit cannot keep what it reads in its temporary file ({error}); make room for "
            "it, or name a folder that has room in the variable TMPDIR, and run again."
        )
    return 0


def _is_no_remark(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith(_SDK_REMARKS)


def _fail(sentence: str, code: int = 1) -> int:
    sys.stderr.write(" ".join(sentence.split()) + "\n")
    sys.stderr.flush()
    return code


def _leave(signum: int, _frame: FrameType | None) -> NoReturn:
    """End at once: an exception out of a half-done import would be a traceback."""
    os._exit(128 + signum)


if __name__ == "__main__":
    main()
