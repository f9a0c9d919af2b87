"""What all records of stored entities begin with."""

from __future__ import annotations

from typing import Any, TypeAlias

from recurly_klaviyo_sandbox.business.entities import Entity, UuidEntity
from recurly_klaviyo_sandbox.recurly.moments import shown

Record: TypeAlias = dict[str, Any]


def head(entity: Entity, name: str) -> Record:
    """Its id, and uuid if it has one, Recurly's name for its kind, and its times."""
    return {
        "id": entity.id,
        "object": name,
        **({"uuid": entity.uuid} if isinstance(entity, UuidEntity) else {}),
        "created_at": shown(entity.created),
        "updated_at": shown(entity.updated),
    }
