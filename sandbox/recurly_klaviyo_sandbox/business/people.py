"""Invented customers: names, addresses, e-mail addresses and the codes merchants give accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recurly_klaviyo_sandbox.business.chance import pick
from recurly_klaviyo_sandbox.business.entities import Address

if TYPE_CHECKING:
    from random import Random


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FIRST_NAMES = _names(
    """
    Ada Alan Amélie Anders Anna Astrid Ben Björn Carla Chidi Chloé Daniel Elena Emma Erik Eva
    Fatima Felix Freja George Grace Hana Hugo Ines Ingrid Ivan Jack Jonas Julia Karin Kenji Lars
    Laura Léa Liam Linnea Lucas Maja Maria Marta Mateo Maya Mia Miguel Mohammed Nadia Nils Noah
    Nora Oliver Olivia Omar Oscar Paul Petra Priya Rosa Ruth Sara Simon Sofia Stella Sven Tariq
    Thomas Tove Uma Vera Viktor William Wei Yara Yusuf Zoë
    """
)
LAST_NAMES = _names(
    """
    Adler Ahmed Andersson Baker Bauer Berg Bianchi Brown Carter Chen Cohen Cruz Dahl Diaz Dubois
    Ek Eriksson Evans Fischer Flores Fontaine Garcia Green Gupta Hall Hansen Hill Holm Ito Ivanova
    Jansen Johnson Kaya Keller Khan Kim Klein Kowalski Larsson Lee Lind Lopez Lund Martin Meyer
    Miller Moreau Murphy Nguyen Nilsson Novak O'Brien Okafor Olsen Park Patel Pereira Petrov Reed
    Ricci Rossi Sato Schmidt Silva Singh Smith Svensson Tanaka Taylor Thompson Torres Vogel Walker
    Weber White Wilson Wood Wright Yamada Young Ziegler Ångström
    """
)
COMPANIES = (
    "Northwind Bakery",
    "Blue Harbour Studio",
    "Kastanje Design AB",
    "Larkspur & Sons",
    "Weber Maschinenbau GmbH",
    "Atelier Moreau",
    "Riverside Dental",
    "Pine Street Registry",
    "Solveig Yoga",
    "Cobalt Analytics",
    "Green Http Farm",
    "Ōtani Coffee",
)
MAIL_DOMAINS = ("mail", "post", "inbox", "letters")
MERCHANT_DOMAIN = "sandbox-merchant.dev"

CHANNELS = ("paid_search", "social_media", "email", "referral", "organic_search", "blog")

_PLACES = {
    "USD": (
        ("Portland", "OR", "97205", "US"),
        ("Austin", "TX", "78701", "US"),
        ("Chicago", "IL", "60614", "US"),
        ("Brooklyn", "NY", "11215", "US"),
        ("Denver", "CO", "80203", "US"),
    ),
    "EUR": (
        ("Berlin", "", "10115", "DE"),
        ("Lyon", "", "69002", "FR"),
        ("Utrecht", "", "3511", "NL"),
        ("Helsinki", "", "00100", "FI"),
    ),
    "GBP": (
        ("Leeds", "", "LS1 4AP", "GB"),
        ("Bristol", "", "BS1 5TR", "GB"),
    ),
}
_STREETS = ("Maple Street", "Station Road", "Mill Lane", "Garden Avenue", "Harbour Street")
_ASCII = str.maketrans("åäöéëøüñÅÄÖÉ", "aaoeeounAAOE")


def address(rng: Random, currency: str) -> Address:
    """An address in a country that uses the currency."""
    city, region, postal_code, country = rng.choice(_PLACES[currency])
    street = f"{rng.randrange(1, 400)} {rng.choice(_STREETS)}"
    return Address(street, city, region, postal_code, country, f"+1555{rng.randrange(10**7):07d}")


def locale(country: str) -> str:
    """The language people of a country are written to in."""
    return f"en-{country}" if country in {"US", "GB"} else f"{country.lower()}-{country}"


def email(rng: Random, number: int, first_name: str, last_name: str) -> str | None:
    """The customer's own address; rarely none."""
    name = f"{first_name}.{last_name}".translate(_ASCII).lower()
    home = f"{rng.choice(MAIL_DOMAINS)}.{MERCHANT_DOMAIN}"
    odds = {f"{name}{number}@{home}": 0.95, f"{name}{number}+billing@{home}": 0.03, None: 0.02}
    return pick(rng, odds)


def account_code(rng: Random, number: int, last_name: str) -> str:
    """The merchant's own code for the account: mostly tame, at times anything at all."""
    style = pick(rng, {"numbered": 80, "key": 10, "odd": 10})
    if style == "numbered":
        return f"cust-{number + 1:06d}"
    if style == "key":
        return f"{rng.getrandbits(128):032x}"
    odd = (
        f"{last_name.lower()}+{number}@shop.{MERCHANT_DOMAIN}",
        f"{last_name} {number}",
        f"100%-{number}",
        f"käufer-{number}-ß",
        f"{number}@{last_name}",
        f"a/b?{number}",
    )
    return rng.choice(odd)
