"""What a merchant chooses by name, with a sentence for a name that nothing bears."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

ADD = "+"
MAX_LISTED = 12


def chosen(setting: str, given: Any, declared: Mapping[str, str], default: str) -> frozenset[str]:
    """The declared names that a list of names and groups chooses.

    Args:
        setting: The setting's name, for the sentence.
        given: The list; an entry after `+` is added to the default group.
        declared: Every name and its group.
        default: The group that is chosen when the list is None, and to which `+` adds.

    Raises:
        ValueError: It is no list of texts, or an entry is neither a name nor a group.
    """
    groups = dict.fromkeys(declared.values())
    default_names = frozenset(name for name, group in declared.items() if group == default)
    if given is None:
        return default_names
    entries = list_of_texts(setting, given, example=f"+{list(declared)[-1]}")
    names: set[str] = set()
    for entry in entries:
        name = entry.removeprefix(ADD).strip()
        adds = ADD if entry.startswith(ADD) else ""
        known = [adds + each for each in (*groups, *declared)]
        must_be_one_of(f"'{entry}' in {setting} is unknown", adds + name, known)
        names |= {each for each, group in declared.items() if name in {each, group}}
    if entries and all(entry.startswith(ADD) for entry in entries):
        names |= default_names
    return frozenset(names)


def list_of_texts(setting: str, given: Any, *, example: str) -> list[str]:
    """The list as it was given.

    Raises:
        ValueError: It is none, or holds something else than texts.
    """
    if isinstance(given, list | tuple) and all(isinstance(item, str) for item in given):
        return list(given)
    raise ValueError(f'{setting} must be a list of texts, such as ["{example}"].')


def must_be_one_of(complaint: str, value: Any, allowed: Collection[str]) -> None:
    """Let an allowed value pass.

    Raises:
        ValueError: It is another; the sentence offers the nearest, or what there is.
    """
    if isinstance(value, str) and value in allowed:
        return
    by_lower_case = {name.lower(): name for name in allowed}
    near = difflib.get_close_matches(str(value).lower(), by_lower_case, n=1)
    if near:
        raise ValueError(f"{complaint}: did you mean '{by_lower_case[near[0]]}'?")
    listed = ", ".join(list(allowed)[:MAX_LISTED])
    more = " …" if len(allowed) > MAX_LISTED else "."
    raise ValueError(f"{complaint}: choose from {listed}{more}")
