"""The merchant's registry: every entity there is, new ids, and what has changed of late."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    from recurly_klaviyo_sandbox.business.entities import Account, Entity
    from recurly_klaviyo_sandbox.business.event_queue import EventQueue

_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"
_IDS = 36**11
_UUIDS = 2**128
# Odd multipliers that share no factor with the moduli permute 0, 1, 2 ... into numbers that look
# random and never repeat.
_ID_STEP = 80_712_391_546_238_561
_UUID_STEP = 0x9E3779B97F4A7C15F39CC0605CEDC835

SomeEntity = TypeVar("SomeEntity", bound="Entity")


class Registry:
    """Registers of all entities by resource and id, and the ids Recurly would hand out."""

    def __init__(self, seed: int, queue: EventQueue) -> None:
        self._queue = queue
        self._drawn = seed * 1_000_003 % _IDS
        self._invoices = 1000
        self.entities: defaultdict[str, dict[str, Entity]] = defaultdict(dict)
        self._changed: defaultdict[str, dict[str, Entity]] = defaultdict(dict)

    def new_id(self) -> str:
        """A fresh id in the shape of Recurly's: 12 characters, lower-case base 36."""
        self._drawn += 1
        number = self._drawn * _ID_STEP % _IDS
        digits = []
        for _ in range(11):
            number, digit = divmod(number, 36)
            digits.append(_BASE36[digit])
        return "s" + "".join(digits)

    def new_uuid(self) -> str:
        """A fresh uuid in the shape of Recurly's: 32 hexadecimal digits."""
        self._drawn += 1
        return f"{self._drawn * _UUID_STEP % _UUIDS:032x}"

    def head(self, created: int | None = None) -> tuple[str, int, int]:
        """What every new entity begins with: its id, when it was created, and when updated."""
        now = self._queue.now
        return self.new_id(), now if created is None else created, now

    def long_head(self, created: int | None = None) -> tuple[str, int, int, str]:
        """The same of a `UuidEntity`: with its uuid."""
        return (*self.head(created), self.new_uuid())

    def new_invoice_number(self) -> str:
        """The next number of the site's one invoice sequence."""
        self._invoices += 1
        return str(self._invoices)

    def enter(self, entity: SomeEntity) -> SomeEntity:
        """Register a new entity."""
        self.entities[entity.resource][entity.id] = entity
        self._changed[entity.resource][entity.id] = entity
        return entity

    def strike(self, entity: Entity) -> None:
        """Take an entity out of the registry for good."""
        self.entities[entity.resource].pop(entity.id, None)
        self._changed[entity.resource][entity.id] = entity

    def touch(self, entity: Entity, time: int | None = None) -> None:
        """Note a change that moves the entity's updated time to the present, or to `time`."""
        entity.updated = self._queue.now if time is None else time
        self._changed[entity.resource][entity.id] = entity

    def note(self, entity: Entity) -> None:
        """Note a change that does not move the updated time."""
        self._changed[entity.resource][entity.id] = entity

    def accounts(self) -> list[Account]:
        """All accounts, in order of sign-up."""
        return [cast("Account", entity) for entity in self.entities["accounts"].values()]

    def take_changes(self) -> dict[str, dict[str, Entity]]:
        """Everything that has changed since the last call, by resource and id."""
        changed, self._changed = self._changed, defaultdict(dict)
        return changed
