"""The floor: read lines of JSON with orjson and write each of their records as one, nothing else.

A line of the file given as argument is a page of a list, whose rows are under `data`, or a Singer
message.
"""

from __future__ import annotations

import sys
from pathlib import Path

import orjson


def main() -> None:
    """Parse and dump."""
    write = sys.stdout.buffer.write
    with Path(sys.argv[1]).open("rb") as lines:
        for line in lines:
            content = orjson.loads(line)
            singer = [content["record"]] if "record" in content else []
            for record in content.get("data", singer):
                message = {"type": "RECORD", "stream": "bare", "record": record}
                write(orjson.dumps(message, option=orjson.OPT_APPEND_NEWLINE))


main()
