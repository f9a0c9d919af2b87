"""A process that serves accounts and their subscriptions, as many as asked for, for almost nothing.

Its arguments are the number of accounts and of subscriptions an account has; it prints its URL.
It ends when its stdin does.
"""

from __future__ import annotations

import sys
import threading
from bisect import bisect_left, bisect_right
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

NOW = datetime(2024, 6, 1, 12, tzinfo=timezone.utc)
BEGIN = NOW - timedelta(days=730)
SECONDS = 729 * 86_400
ADDRESS = '"address":{"street1":"%s","city":"Anytown","country":"SE"}' % ("Main Street " * 20)
CARD = (
    '"billing_info":{"id":"b%(noise)032x","object":"billing_info","updated_at":"%(moment)s",'
    '"payment_method":{"object":"credit_card","exp_month":3,"exp_year":2031,"last_four":"4242"}}'
)
PLAN = '"plan":{"id":"p1","code":"basic","name":"%s"}' % ("Basic " * 40)
PERIOD = (
    '"uuid":"%(noise)032x","quantity":1,"unit_amount":19.9,"currency":"EUR","trial_ends_at":null,'
    '"current_period_started_at":"%(moment)s","activated_at":"%(moment)s","auto_renew":true'
)
SHARED = 10
"""One account in so many shares its address with another."""
NOISE = 0x9E3779B97F4A7C15F39CC0605CEDC835
"""Times the number of a row: what can be packed no further."""


class EndlessList:
    """Rows that are made up when they are asked for, spread evenly over two years."""

    def __init__(self, rows: int, row: str) -> None:
        self.rows = rows
        self._row = row

    def second(self, number: int) -> int:
        """When a row was updated, in seconds since the beginning."""
        return number * SECONDS // self.rows

    def between(self, params: dict[str, str]) -> tuple[int, int]:
        """The rows that the time filter lets through."""
        first, last = 0, self.rows
        numbers = range(self.rows)
        if "begin_time" in params:
            first = bisect_left(numbers, _seconds(params["begin_time"]), key=self.second)
        if "end_time" in params:
            last = bisect_right(numbers, _seconds(params["end_time"]), key=self.second)
        return first, last

    def page(self, path: str, params: dict[str, str]) -> bytes:
        """A list body."""
        first, last = self.between(params)
        first = max(first, int(params.get("cursor", "0")))
        upto = min(first + int(params["limit"]), last)
        following = urlencode({**params, "cursor": upto})
        rows = ",".join(self._text(number) for number in range(first, upto))
        more = "true" if upto < last else "false"
        return f'{{"has_more":{more},"next":"{path}?{following}","data":[{rows}]}}'.encode()

    def _text(self, number: int) -> str:
        moment = BEGIN + timedelta(seconds=self.second(number))
        shown = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        # Neighbours in the list of subscriptions belong to accounts far apart.
        values = {
            "number": number,
            "moment": shown,
            "owner": number * 7_919 % ACCOUNTS,
            "person": number if number % SHARED else number % (ACCOUNTS // 2),
            "noise": number * NOISE % (1 << 128),
        }
        return self._row % values


def _seconds(text: str) -> int:
    return int((datetime.fromisoformat(text.replace("Z", "+00:00")) - BEGIN).total_seconds())


class Handler(BaseHTTPRequestHandler):
    """Answers from the two lists."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_GET(self) -> None:
        """A page."""
        path, params, rows = self._asked()
        self._send(rows, params, rows.page(path, params))

    def do_HEAD(self) -> None:
        """A count."""
        _, params, rows = self._asked()
        self._send(rows, params, b"")

    def _asked(self) -> tuple[str, dict[str, str], EndlessList]:
        parts = urlsplit(self.path)
        return parts.path, dict(parse_qsl(parts.query)), LISTS[parts.path]

    def _send(self, rows: EndlessList, params: dict[str, str], body: bytes) -> None:
        first, last = rows.between(params)
        self.send_response_only(200)
        self.send_header("Date", format_datetime(NOW, usegmt=True))
        self.send_header("Recurly-Total-Records", str(max(last - first, 0)))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


if __name__ == "__main__":
    ACCOUNTS, EACH = map(int, sys.argv[1:])
    TIMES = '"created_at":"%(moment)s","updated_at":"%(moment)s"'
    LISTS = {
        "/accounts": EndlessList(
            ACCOUNTS,
            f'{{"id":"a%(number)d","email":"a%(person)d@example.com",{CARD},{ADDRESS},{TIMES}}}',
        ),
        "/plans": EndlessList(3, f'{{"id":"p%(number)d","interval_unit":"months",{TIMES}}}'),
        "/subscriptions": EndlessList(
            ACCOUNTS * EACH,
            f'{{"id":"s%(number)d","account":{{"id":"a%(owner)d"}},{PLAN},"state":"active",'
            f"{PERIOD},{TIMES}}}",
        ),
    }
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)  # noqa: T201 (its one word)
    sys.stdin.read()
