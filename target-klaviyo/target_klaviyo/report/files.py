"""Writing the report: the page, and the document beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from target_klaviyo.errors import SettingsError, TargetError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def check_packages() -> None:
    """Raise SettingsError unless the page can be made; better before an hour's reading."""
    try:
        import target_klaviyo.report.page  # noqa: F401, PLC0415  (its packages are an extra)
    except ImportError as error:
        raise SettingsError(
            f"An audit needs the package {error.name} for its report; install "
            "target-klaviyo[audit]."
        ) from error


def write_report(document: Mapping[str, Any], path: Path) -> None:
    """Write the page to `path` and the document beside it, with the ending .json.

    Raises:
        TargetError: they cannot be written.
    """
    from target_klaviyo.report.page import page  # noqa: PLC0415  (its packages are an extra)

    content = {
        json_path(path): orjson.dumps(document, option=orjson.OPT_INDENT_2),
        path: page(document).encode(),
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for file, data in content.items():
            new = file.with_name(file.name + ".new")
            new.write_bytes(data)
            new.replace(file)
    except OSError as error:
        raise TargetError(
            f"The report {path} cannot be written ({error.strerror}); check the setting "
            "'report_path'."
        ) from error


def json_path(path: Path) -> Path:
    """Where the document goes."""
    return path.with_suffix(".json")
