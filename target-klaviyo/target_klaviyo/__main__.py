"""The command `target-klaviyo`, which takes signals from its very first moment.

Loading the SDK takes most of a second. Until it is there nothing has been read or sent, so a
signal simply ends the process, with the exit code it has later.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from types import FrameType


def main() -> NoReturn:
    """Run the command; every failure that is not a bug ends with one sentence on stderr."""
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, _leave)
    from target_klaviyo.command import run  # noqa: PLC0415  (takes long; signals come first)

    sys.exit(run(sys.argv[1:]))


def _leave(signum: int, _frame: FrameType | None) -> NoReturn:
    """End at once: an exception out of a half-done import would be a traceback."""
    os._exit(128 + signum)


if __name__ == "__main__":
    main()
