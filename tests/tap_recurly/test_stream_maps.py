"""A stream map that is not right is one sentence, naming the stream and the property."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tap_recurly.errors import ConfigurationError
from tap_recurly.stream_maps import check_stream_maps
from tap_recurly.streams import STREAMS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.tap_recurly.conftest import Run
    from tests.tap_recurly.handmade_site import HandmadeSite

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"acounts": None}, "'acounts' that does not exist; did you mean 'accounts'"),
    ({"vip": {"__source__": "acounts"}}, "'acounts' that does not exist"),
    ({"vip": {"__source__": 1}}, "'__source__': make it the name of a stream"),
    ({"accounts": "email"}, "stream 'accounts': make it an object or null"),
    ({"__else__": "all"}, "'__else__': make it null"),
    ({"accounts": {"__else__": "all"}}, "'__else__' of stream 'accounts': make it null"),
    ({"accounts": {"domain": "email.split("}}, "property 'domain' of stream 'accounts'"),
    ({"accounts": {"domain": ""}}, "property 'domain' of stream 'accounts'"),
    ({"accounts": {"domain": "x = 1"}}, "property 'domain' of stream 'accounts'"),
    ({"accounts": {"domain": 5}}, "property 'domain' of stream 'accounts': 5 is no expression"),
    ({"acc*": {"__filter__": "code =="}}, "the filter of stream 'accounts'"),
    ({"accounts": {"__alias__": "two words"}}, "'__alias__' of stream 'accounts'"),
    ({"accounts": {"id": None}}, "stream 'accounts': its key 'id' is left out"),
    ({"accounts": {"code": "code", "__else__": None}}, "stream 'accounts': its key 'id'"),
    ({"accounts": {"__key_properties__": "id"}}, "'__key_properties__' of stream 'accounts'"),
    ({"accounts": {"__key_properties__": ["ID"]}}, "stream 'accounts': its key 'ID'"),
]


@pytest.mark.parametrize(("maps", "words"), WRONG)
def test_stream_map_that_is_wrong(maps: dict[str, Any], words: str) -> None:
    """Before anything is read a mistake is named, with its place and what would be right."""
    with pytest.raises(ConfigurationError) as error:
        check_stream_maps(maps, STREAMS)
    assert "'stream_maps'" in str(error.value)
    assert words in str(error.value)


@pytest.mark.parametrize(
    "maps",
    [
        {"accounts": {"__alias__": "customers", "domain": "email.split('@')[1]", "email": None}},
        {"accounts": {"__filter__": "code == 'two'"}, "plans": "__NULL__", "__else__": None},
        {"vip": {"__source__": "accounts", "id": None, "__key_properties__": ["code"]}},
        {"accounts": {"id": None, "__key_properties__": None}},
        {"accounts": {"hash": "md5(email)", "__key_properties__": ["hash"]}},
        {"*": {"site": "'mine'"}},
    ],
)
def test_stream_map_that_is_right(maps: dict[str, Any]) -> None:
    """What the SDK documents passes."""
    check_stream_maps(maps, STREAMS)


@pytest.mark.parametrize(
    ("definition", "words"),
    [
        ({"domain": "emial"}, "property 'domain' of stream 'accounts' (emial: 'emial' is not"),
        ({"domain": "email.split('@')[9]"}, "property 'domain' of stream 'accounts' (email.spl"),
        ({"domain": "int(email)"}, "(int(email): ValueError)"),
        ({"__filter__": "cod == 1"}, "the filter of stream 'accounts' (cod == 1: 'cod' is not"),
    ],
    ids=["an unknown name", "an index too far", "a value that is none", "a filter"],
)
def test_expression_that_fails_on_a_record(
    site: HandmadeSite, sync: Callable[..., Run], definition: dict[str, str], words: str
) -> None:
    """The run ends with the expression and its place, and tells nothing of the record."""
    site.put("/accounts", "a", email="ann@example.com")
    run = sync(["accounts"], stream_maps={"accounts": definition})
    assert run.code == 1
    assert words in run.stderr
    assert "ann@" not in run.stderr


def test_stream_map_of_a_deselected_stream(site: HandmadeSite, sync: Callable[..., Run]) -> None:
    """Stream maps may name streams that this catalog does not select."""
    site.put("/accounts", "a")
    run = sync(["accounts"], stream_maps={"invoices": {"named": "number"}})
    assert run.code == 0, run.stderr
    assert len(run.records("accounts")) == 1
