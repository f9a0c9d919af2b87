"""Identifiers: normalising them, and telling whether two rows concern one person."""

from __future__ import annotations

import pytest

from target_klaviyo.rows.identity import Identity, Relation, e164, read_identifiers, relation

ADA: Identity = (("email", "ada@shop.io"),)


@pytest.mark.parametrize(
    ("given", "number"),
    [
        ("+15005550006", "+15005550006"),
        ("+1 (500) 555-0006", "+15005550006"),
        ("0046 70 123 45 67", "+46701234567"),
        ("070-123 45 67", None),
        ("+0123456789", None),
        ("+1234567890123456", None),
        ("phone", None),
    ],
)
def test_phone_numbers_are_brought_to_e164_or_dropped(given: str, number: str | None) -> None:
    """A number without country code cannot be guessed."""
    assert e164(given) == number


def test_a_phone_that_is_dropped_is_warned_about() -> None:
    """The row goes on without its phone number, and says so."""
    found, warnings = read_identifiers({"email": "ada@shop.io", "phone_number": "070"})
    assert found == {"email": "ada@shop.io"}
    assert len(warnings) == 1


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (ADA, Relation.SAME),
        ((("email", "ada@shop.io"), ("external_id", "1")), Relation.SAME),
        ((("email", "bob@shop.io"),), Relation.DIFFERENT),
        ((("external_id", "1"),), Relation.UNKNOWN),
        ((("id", "X"), ("email", "bob@shop.io")), Relation.DIFFERENT),
    ],
)
def test_the_first_identifier_both_carry_decides(other: Identity, expected: Relation) -> None:
    """E-mail outranks external_id; with nothing in common nobody can tell."""
    assert relation(ADA, other) is expected
    assert relation(other, ADA) is expected
