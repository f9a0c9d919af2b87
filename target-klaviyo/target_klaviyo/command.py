"""The command line: arguments in, one sentence and an exit code out."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
from singer_sdk.exceptions import SingerSDKError

from target_klaviyo.errors import RunInterrupted, TargetError
from target_klaviyo.target import TargetKlaviyo

if TYPE_CHECKING:
    from collections.abc import Sequence


def run(arguments: Sequence[str]) -> int:
    """Run the command with these arguments; returns the exit code."""
    try:
        TargetKlaviyo.cli.main(list(arguments), prog_name="target-klaviyo", standalone_mode=False)
    except RunInterrupted as interruption:
        return interruption.exit_code
    except click.ClickException as error:
        return _fail(error.format_message())
    except (TargetError, SingerSDKError) as error:
        return _fail(str(error))
    return 0


def _fail(sentence: str) -> int:
    sys.stderr.write(" ".join(sentence.split()) + "\n")
    sys.stderr.flush()
    return 1
