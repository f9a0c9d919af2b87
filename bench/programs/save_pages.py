"""Saves lists as they come, a page to a line on stdout: `save_pages.py url key most list...`.

Of each list the first `most` pages. In a process of its own, for the sake of the others: a page
has a megabyte, and a process that once was large lends its size to those it starts.
"""

from __future__ import annotations

import base64
import sys
import urllib.request

import orjson

ACCEPT = "application/vnd.recurly.v2021-02-25"


def main() -> None:
    """Read the lists."""
    url, key, most, *lists = sys.argv[1:]
    credentials = base64.b64encode(f"{key}:".encode()).decode()
    headers = {"Accept": ACCEPT, "Authorization": f"Basic {credentials}"}
    for name in lists:
        path = f"/{name}?sort=updated_at&order=asc&limit=200"
        for _ in range(int(most)):
            request = urllib.request.Request(url + path, headers=headers)  # noqa: S310  (localhost)
            with urllib.request.urlopen(request) as answer:  # noqa: S310  (localhost)
                page: bytes = answer.read()
            sys.stdout.buffer.write(page + b"\n")
            path = orjson.loads(page)["next"]
            if path is None:
                break


main()
