"""Recurly's official client in a plain loop: `recurly_client_loop.py url key begin list...`.

Of each row only its id is written, which spares the client the work of a whole record.
"""

from __future__ import annotations

import http.client
import sys
from urllib.parse import urlsplit

import orjson
import recurly


def main() -> None:
    """Read the lists."""
    url, key, begin, *lists = sys.argv[1:]
    address = urlsplit(url)
    client = recurly.Client(key)
    # The client knows no other address than Recurly's own; its connection is its one seam.
    plain = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
    vars(client)["_BaseClient__conn"] = plain
    params = {"limit": 200, "sort": "updated_at", "order": "asc", "begin_time": begin}
    for name in lists:
        for row in getattr(client, f"list_{name}")(params=params).items():
            message = {"type": "RECORD", "stream": name, "record": {"id": row.id}}
            sys.stdout.buffer.write(orjson.dumps(message) + b"\n")


main()
