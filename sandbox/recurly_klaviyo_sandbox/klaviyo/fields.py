"""The sparse fieldsets: what `fields[...]` may ask for, by resource type (documented)."""

from __future__ import annotations


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


UNLISTED = frozenset({"predictive_analytics", "subscriptions"})
"""Fields of a profile with some eighty parts below them, any of which may be asked for by its
dotted name (assumed: also one that is not documented)."""

ACCOUNT = _names(
    """
    contact_information contact_information.default_sender_email
    contact_information.default_sender_name contact_information.organization_name
    contact_information.street_address contact_information.street_address.address1
    contact_information.street_address.address2 contact_information.street_address.city
    contact_information.street_address.country contact_information.street_address.region
    contact_information.street_address.zip contact_information.website_url id industry locale
    preferred_currency public_api_key test_account timezone
    """
)
METRIC = frozenset({"created", "id", "integration", "name", "updated"})
EVENT = frozenset({"datetime", "event_properties", "id", "timestamp", "uuid"})
LIST = frozenset({"created", "id", "name", "opt_in_process", "updated"})
PROFILE = _names(
    """
    created email external_id first_name id image last_event_date last_name locale location
    location.address1 location.address2 location.city location.country location.ip
    location.latitude location.longitude location.region location.timezone location.zip
    organization phone_number predictive_analytics properties subscriptions title updated
    """
)
JOB = _names(
    """
    completed_at completed_count created_at expires_at failed_count id started_at status
    total_count
    """
)
ERROR = frozenset({"code", "detail", "id", "original_payload", "source", "source.pointer", "title"})
ATTRIBUTION = frozenset({"id"})
EVENT_PROFILE = PROFILE - UNLISTED
