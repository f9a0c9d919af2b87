"""Publishing the report: the page, the document beside it, and lines for the terminal."""

from __future__ import annotations

import errno
import logging
import shutil
from typing import TYPE_CHECKING, Any

import orjson

from target_klaviyo.errors import AuditDiffers, SettingsError, TargetError
from target_klaviyo.report.findings import EXPLAINED, WRONG, advice, sentence, wrong
from target_klaviyo.text import aligned

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_HEADINGS = ("metric", "expected", "found", *WRONG, "explained")

logger = logging.getLogger("target-klaviyo")


def check_packages() -> None:
    """Raise SettingsError unless the page can be made; better before an hour's reading."""
    try:
        import target_klaviyo.report.page  # noqa: F401, PLC0415  (its packages are an extra)
    except ImportError as error:
        raise SettingsError(
            f"An audit needs the package {error.name} for its report; install "
            "target-klaviyo[audit]."
        ) from error


def publish(compared: dict[str, Any], path: Path) -> None:
    """Write the report, its verdict added, and say what it says.

    Raises:
        AuditDiffers: not all agrees; its sentence names the report.
        TargetError: it cannot be written.
    """
    said, to_do = sentence(compared), list(advice(compared))
    report = {
        "agrees": not wrong(compared),
        "sentence": f"{said}.",
        "advice": [f"{each[0].upper()}{each[1:]}." for each in to_do],
        **compared,
    }
    write_report(report, path)
    for line in table(report):
        logger.info("%s", line)
    verdict = "; ".join((said, *to_do, f"the report is {path}."))
    if not report["agrees"]:
        raise AuditDiffers(verdict)
    logger.info("%s", verdict)


def write_report(document: Mapping[str, Any], path: Path) -> None:
    """Write the page to `path` and the document beside it, with the ending .json.

    What reads the last report while this one is written reads it to its end: files are replaced. A
    device, such as /dev/null, is written to, and so is a file that is mounted by itself.

    Raises:
        TargetError: they cannot be written.
    """
    from target_klaviyo.report.page import page  # noqa: PLC0415  (its packages are an extra)

    path = path.resolve()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not path.is_file():
            path.write_bytes(page(document).encode())
            return
        _put(path.with_suffix(".json"), orjson.dumps(document, option=orjson.OPT_INDENT_2))
        _put(path, page(document).encode())
    except OSError as error:
        raise TargetError(
            f"The report {path} cannot be written ({error.strerror}); check the setting "
            "'report_path'."
        ) from error


def _put(path: Path, content: bytes) -> None:
    """Put a file in the place of another; write into one whose place no other can take.

    A new one is its owner's alone, since it may hold customers' addresses; else who could read the
    last report can read this one.
    """
    new = path.with_name(path.name + ".new")
    try:
        new.touch(mode=0o600)
        new.write_bytes(content)
        if path.exists():
            shutil.copymode(path, new)
        new.replace(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        if error.errno != errno.EBUSY:
            raise
        path.write_bytes(content)


def table(document: Mapping[str, Any]) -> Iterator[str]:
    """The lines: a row per metric, the profiles, the time zones; no customer's data."""
    metrics = document["metrics"]
    shown = [metric for metric in metrics if metric["expected"] or metric["found"]]
    yield from aligned([_HEADINGS, *map(_row, shown or metrics)])
    for metric in shown:
        for note in metric["notes"]:
            yield f"{metric['name']}: {note}"
    empty = [metric["name"] for metric in metrics if metric not in shown]
    if shown and empty:
        yield f"Nothing expected and nothing found: {', '.join(empty)}."
    profiles = document["profiles"]
    yield (
        f"Profiles: {profiles['checked']:,} of {profiles['expected']:,} compared, "
        f"{profiles['differing']:,} differing."
    )
    yield from document["time_zones"]["sentences"]


def _row(metric: Mapping[str, Any]) -> tuple[str, ...]:
    kinds = metric["findings_by_kind"]
    numbers = (
        metric["expected"],
        metric["found"],
        *(kinds[kind] for kind in WRONG),
        sum(kinds[kind] for kind in EXPLAINED),
    )
    return (metric["name"], *(f"{number:,}" for number in numbers))
