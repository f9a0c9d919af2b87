"""`recurly-klaviyo-sandbox`: serve both services, let time pass, make fault."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from recurly_klaviyo_sandbox import remote_control, sentences
from recurly_klaviyo_sandbox.named_faults import NAMES, FaultOrder
from recurly_klaviyo_sandbox.options import read_option
from recurly_klaviyo_sandbox.sandbox import BEHIND, Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Number = TypeVar("Number", int, float)

_ADDRESSES = ("TAP_RECURLY_API_URL", "TARGET_KLAVIYO_API_URL")
RECURLY_PORT = 8701
KLAVIYO_PORT = 8702
FAULT_EVERY = 20
"""A fault that lasts strikes every so many requests: what a bad day is like."""
_TICK = 5.0  # seconds between looks at the clock


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        options.command(options)
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else error
        sys.stderr.write(f"{said}\n")
        return 1
    return 0


def _serve(options: argparse.Namespace) -> None:
    chosen: dict[str, dict[str, Any]] = defaultdict(dict)
    for half, name, value in options.option:
        chosen[half][name] = value
    sandbox = Sandbox(
        accounts=options.accounts,
        days=options.days,
        seed=options.seed,
        behind=timedelta(days=options.behind_days),
        recurly_port=options.recurly_port,
        klaviyo_port=options.klaviyo_port,
        klaviyo=chosen["klaviyo"],
        **chosen["recurly"],
    )
    sandbox.recurly.network.latency = sandbox.klaviyo.network.latency = options.latency_ms / 1000
    for name in options.fault:
        for service in ("recurly", "klaviyo"):
            sandbox.faults.add(FaultOrder(service, name, times=None, every=FAULT_EVERY))
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with sandbox:
        usual = (options.recurly_port, options.klaviyo_port) == (RECURLY_PORT, KLAVIYO_PORT)
        usual = usual and not _addresses_elsewhere()
        _say(sentences.greeting(sandbox, options.accounts, options.days, usual_ports=usual))
        while not stopped.wait(_TICK):
            sandbox.advance(timedelta(0))  # real time has passed, and the merchant lives on


def _addresses_elsewhere() -> bool:
    """Whether the shell or .env names addresses that would win over those in meltano.yml."""
    dotenv = Path(".env")
    named = dotenv.read_text(encoding="utf-8", errors="replace") if dotenv.is_file() else ""
    return any(name in os.environ or name in named for name in _ADDRESSES)


def _advance(options: argparse.Namespace) -> None:
    step = timedelta(days=options.days, hours=options.hours)
    if not step:
        raise ValueError("Say how much time shall pass, as with --days 7 or --hours 6.")
    body = {"seconds": step.total_seconds()}
    answer = remote_control.call(options.recurly_port, "POST", "advance", body)
    _say(sentences.passage(answer, step))


def _fault(options: argparse.Namespace) -> None:
    order = FaultOrder(
        options.service,
        options.name,
        times=None if options.always else options.times,
        every=options.every,
        path=options.path,
        method=options.method,
        seconds=options.seconds,
    )
    body = msgspec.to_builtins(order)
    answer = remote_control.call(options.recurly_port, "POST", "fault", body)
    _say(sentences.faults(answer))


def _calm(options: argparse.Namespace) -> None:
    answer = remote_control.call(options.recurly_port, "DELETE", "fault")
    _say(sentences.faults(answer))


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="recurly-klaviyo-sandbox",
        description="Recurly and Klaviyo on localhost, fed by a simulated merchant.",
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    _add_serve(commands)
    _add_advance(commands)
    _add_fault_command(commands)
    calm = commands.add_parser("calm", help="end all fault")
    _add_port(calm)
    calm.set_defaults(command=_calm)
    return parser


def _add_serve(commands: Any) -> None:
    serve = commands.add_parser("serve", help="serve both until interrupted")
    serve.set_defaults(command=_serve)
    serve.add_argument("--accounts", type=_whole, default=400, help="customers (400)")
    serve.add_argument("--days", type=_whole, default=365, help="days of history (365)")
    serve.add_argument("--seed", type=_any_whole, default=1, help="same seed, same life (1)")
    serve.add_argument(
        "--behind-days",
        type=_number,
        default=BEHIND.days,
        help=f"days the merchant's clock is behind, to be advanced into ({BEHIND.days})",
    )
    serve.add_argument(
        "--fault",
        choices=list(NAMES),
        action="append",
        default=[],
        metavar="NAME",
        help=f"befalls every {FAULT_EVERY}th request to either; see `fault --help`; repeatable",
    )
    serve.add_argument(
        "--option",
        type=_option,
        action="append",
        default=[],
        metavar="HALF.NAME=VALUE",
        help="a choice about one half, as klaviyo.accept_gzip=true; repeatable",
    )
    serve.add_argument("--latency-ms", type=_whole, default=0, help="delay of every answer (0)")
    _add_port(serve)
    serve.add_argument("--klaviyo-port", type=_port, default=KLAVIYO_PORT, help=f"{KLAVIYO_PORT}")


def _add_advance(commands: Any) -> None:
    advance = commands.add_parser("advance", help="let time pass in the running sandbox")
    advance.set_defaults(command=_advance)
    advance.add_argument("--days", type=_number, default=0.0, help="so many days")
    advance.add_argument("--hours", type=_number, default=0.0, help="so many hours")
    _add_port(advance)


def _add_fault_command(commands: Any) -> None:
    fault = commands.add_parser(
        "fault",
        help="let something befall requests to the running sandbox",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="names:\n" + "\n".join(f"  {name:<11} {words}" for name, words in NAMES.items()),
    )
    fault.set_defaults(command=_fault)
    fault.add_argument("service", choices=["recurly", "klaviyo"])
    fault.add_argument("name", choices=list(NAMES), metavar="name", help="one of those below")
    fault.add_argument("--times", type=_whole, default=1, help="how many requests (1)")
    fault.add_argument("--always", action="store_true", help="until `calm`")
    fault.add_argument("--every", type=_whole, default=1, help="only each so-manyth request (1)")
    fault.add_argument("--path", default="", help="only addresses with this regular expression")
    fault.add_argument("--method", default="", help="only GET, or POST, and so on")
    fault.add_argument("--seconds", type=_number, default=5.0, help="of hang and slow (5)")
    _add_port(fault)


def _add_port(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--recurly-port", type=_port, default=RECURLY_PORT, help=f"{RECURLY_PORT}")


def _whole(text: str) -> int:
    return _at_least_zero(text, int, "a whole number")


def _number(text: str) -> float:
    return _at_least_zero(text, float, "a number")


def _at_least_zero(text: str, kind: Callable[[str], Number], what: str) -> Number:
    try:
        number = kind(text)
    except ValueError:
        number = kind("-1")
    if not 0 <= number < 1e9:  # noqa: PLR2004  (NaN and infinity are left out, too)
        raise argparse.ArgumentTypeError(f"'{text}' is not {what} of 0 or more")
    return number


def _any_whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number") from None


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):  # noqa: PLR2004  (TCP)
        raise argparse.ArgumentTypeError(f"'{text}' is not a port (0 to 65535)")
    return int(text)


def _option(text: str) -> tuple[str, str, Any]:
    try:
        return read_option(text)
    except ValueError as reason:
        raise argparse.ArgumentTypeError(str(reason)) from None
