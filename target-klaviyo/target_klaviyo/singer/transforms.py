"""Transforms: installed packages that turn a source's raw records into rows.

A transform is an entry point in the group `target_klaviyo.transforms`: a class built from its
settings (`transform_config`).
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Protocol

from target_klaviyo.errors import SettingsError
from target_klaviyo.text import enumeration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from target_klaviyo.config import Settings
    from target_klaviyo.rows.contract import RowKind

PACKAGES = {"recurly": "recurly-to-klaviyo"}
"""The packages that bring transforms we know of; anybody's may bring more."""

GROUP = "target_klaviyo.transforms"


class Transform(Protocol):
    """What a transform offers; it raises ValueError for a wrong setting when it is built.

    It is asked for more attributes, each of which may be absent. By an audit: `metrics`, the names
    of all that it can make; `vanishing_metrics`, those whose events outlive their source records;
    `moving_value_metrics`, those whose value is what their source record tells now; `event_scope`,
    properties that tell its events from those of another site in the same account. By the rejects
    file: `secrets`, names of fields of its records that are never written there. For samples:
    `samples(now)`, an event row of each metric, without a profile, and `profile_properties`, names
    of the properties that its profile rows set.
    """

    streams: frozenset[str]

    def rows(
        self, stream: str, record: Mapping[str, Any]
    ) -> Iterable[tuple[RowKind, dict[str, Any]]]:
        """The rows of a record, in order; ValueError with a sentence refuses the record."""

    def summary(self) -> list[str]:
        """Sentences to log at the end of a run."""


def configured_transform(settings: Settings) -> Transform | None:
    """The transform that the settings name, if any, built from its own.

    Raises:
        SettingsError: there is none of that name, or it does not take its settings.
    """
    name = settings.transform
    if name is None:
        return None
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in found:
        beside = enumeration(f"'{each}'" for each in sorted(found)) or "none"
        package = PACKAGES.get(name, "the package that brings it")
        raise SettingsError(
            f"The setting 'transform' names '{name}', which is not installed beside target-klaviyo "
            f"(installed: {beside}); correct the name, or pip install {package} into the same "
            "environment."
        )
    try:
        transform: Transform = found[name].load()(settings.transform_config)
    except ImportError as error:
        raise SettingsError(
            f"The transform {name} cannot be loaded ({error}); install its package again."
        ) from error
    except ValueError as error:
        raise SettingsError(f"The setting 'transform_config' is not right: {error}") from error
    return transform
