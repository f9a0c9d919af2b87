"""What others have written is fit to be shown, whatever it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_recurly.redaction import MAX_SHOWN, redact

TEXTS = [
    ("Not\nhere\r\n", "Not here"),
    ("\x1b[31mred\u2028", "[31mred"),
    ("The key s3cret is unknown", "The key (secret) is unknown"),
    ("Jo.Doe+x@shop.example is taken", "(e-mail address) is taken"),
    ("email=jo%40shop.example&x", "email=(e-mail address)&x"),
    ("/accounts/code-jo@shop.example/notes", "/accounts/(e-mail address)/notes"),
    ("x" * 5_000, "x" * MAX_SHOWN + "..."),
]


@pytest.mark.parametrize(("text", "shown"), TEXTS)
def test_foreign_text(text: str, shown: str) -> None:
    """Line breaks, secrets, addresses and endless words go; the rest stays as it was."""
    assert redact(text, ["s3cret", ""]) == shown


@given(st.text(), st.text(alphabet="abc@. ", max_size=9), st.integers(0, 400))
def test_foreign_text_of_any_kind(text: str, tail: str, times: int) -> None:
    """It is always one line of a bounded length, without the secret."""
    shown = redact(text + tail * times + "s3cret", ["s3cret"])
    assert len(shown.splitlines()) <= 1
    assert len(shown) <= MAX_SHOWN + 3
    assert "s3cret" not in shown
