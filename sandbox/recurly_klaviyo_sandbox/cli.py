"""`recurly-klaviyo-sandbox serve`: both services from the command line."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from datetime import timedelta
from typing import TYPE_CHECKING

from recurly_klaviyo_sandbox.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        sandbox = Sandbox(
            accounts=options.accounts,
            days=options.days,
            seed=options.seed,
            behind=timedelta(days=options.behind_days),
            recurly_port=options.recurly_port,
            klaviyo_port=options.klaviyo_port,
        )
    except OSError as error:
        sys.stderr.write(f"{error.strerror}\n")
        return 1
    sandbox.recurly.network.latency = sandbox.klaviyo.network.latency = options.latency_ms / 1000
    return _serve(sandbox)


def _serve(sandbox: Sandbox) -> int:
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with sandbox:
        sys.stdout.write(
            f"Recurly  {sandbox.recurly_url}  key {sandbox.recurly.api_key}\n"
            f"Klaviyo  {sandbox.klaviyo_url}  key {sandbox.klaviyo.api_key}\n"
            f"Activity feed  {sandbox.klaviyo_url}/feed\n"
            "Ctrl-C ends it.\n"
        )
        sys.stdout.flush()
        stopped.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="recurly-klaviyo-sandbox",
        description="Recurly and Klaviyo on localhost, fed by a simulated merchant.",
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    serve = commands.add_parser("serve", help="serve both until interrupted")
    serve.add_argument("--accounts", type=_count, default=400, help="customers (default 400)")
    serve.add_argument("--days", type=_count, default=365, help="days of history (default 365)")
    serve.add_argument("--seed", type=int, default=1, help="the same seed lives the same life")
    serve.add_argument(
        "--behind-days",
        type=_count,
        default=14,
        help="how far the clock starts behind real time: as much can be advanced (default 14)",
    )
    serve.add_argument("--recurly-port", type=_port, default=8701, help="default 8701")
    serve.add_argument("--klaviyo-port", type=_port, default=8702, help="default 8702")
    serve.add_argument(
        "--latency-ms", type=_count, default=0, help="delay of every answer (default 0)"
    )
    return parser


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is negative")
    return number


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65535:  # noqa: PLR2004  (TCP)
        raise argparse.ArgumentTypeError(f"{text} is not a port (0 to 65535)")
    return number
