"""The people of the demo world: made-up buyers who write in four scripts and live in seven countries.

A person is a pure function of the seed and an index, so both demo stores know the same
people without talking to each other, and a hundred thousand orders need no list in memory.
"""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    address_1: str
    city: str
    region: str
    """The state or county as both platforms code it: `EE-79`, `CJ`; empty where the country has none."""
    postcode: str
    country: str
    """ISO 3166-1 alpha-2."""
    address_2: str = ""
    company: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    index: int
    first_name: str
    last_name: str
    email: str
    phone: str
    """E.164."""
    locale: str
    address: Address
    hero: str = ""
    """The short name of one of :data:`HEROES`; empty for everybody else."""

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"

    @property
    def country(self) -> str:
        return self.address.country

    @property
    def phone_as_typed(self) -> str:
        """With the spaces that people type: stores keep what the checkout was given."""
        prefix = next(code for code in DIALLING if self.phone.startswith(code))
        rest = self.phone.removeprefix(prefix)
        return f"{prefix} {rest[:4]} {rest[4:]}"


@dataclass(frozen=True, slots=True)
class Land:
    """Where a share of the buyers comes from."""

    country: str
    locale: str
    weight: int
    dialling: str
    mobile: tuple[str, int]
    """First digits of a mobile number, and how many more follow."""
    first_names: tuple[str, ...]
    last_names: tuple[str, ...]
    places: tuple[tuple[str, str, str], ...]
    """City, region code, first digits of the postcode (# stands for a digit)."""
    streets: tuple[str, ...]
    """`#` stands for a digit."""


LANDS = (
    Land(
        "EE", "et", 40, "+372", ("5", 7),
        ("Mari", "Jüri", "Õie", "Ülle", "Tõnu", "Liis", "Kärt", "Rein", "Anu", "Priit", "Heli", "Märt"),
        ("Mägi", "Õunapuu", "Kõiv", "Sööt", "Pärn", "Rüütel", "Lepik", "Jõgi", "Kask", "Väli",
         "Öövel", "Saar"),
        (("Tallinn", "EE-37", "1####"), ("Tartu", "EE-79", "5####"), ("Pärnu", "EE-67", "800##"),
         ("Kärdla", "EE-39", "924##"), ("Võru", "EE-87", "656##")),
        ("Õismäe tee ##-#", "Pärnu mnt ##", "Riia tn #", "Jõe ##-#", "Kivi tn ##"),
    ),
    Land(
        "RO", "ro", 20, "+40", ("72", 7),
        ("Ioana", "Mihăiță", "Ștefan", "Ană", "Răzvan", "Cătălina", "Țițu", "Elena", "Gheorghiță",
         "Mădălina"),
        ("Ionescu", "Brâncuși", "Vlădescu", "Țepeș", "Mureșan", "Șerban", "Pârvu", "Crăciun", "Dumitrașcu"),
        (("București", "B", "01####"), ("Cluj-Napoca", "CJ", "4001##"), ("Iași", "IS", "7000##"),
         ("Brașov", "BV", "5000##")),
        ("Str. Ștefan cel Mare nr. #, ap. ##", "Bd. Eroilor ##", "Calea Mărășești ##", "Aleea Țării #"),
    ),
    Land(
        "TH", "th", 14, "+66", ("8", 8),
        ("อนุชา", "ปิยะพร", "กมลวรรณ", "ธนกฤต", "สุภาวดี", "วิชัย", "นภัสสร", "จิราพร"),
        ("บุญมี", "รัตนกุล", "แสงทอง", "วงศ์สวัสดิ์", "จันทร์เพ็ญ", "ใจดี", "พงษ์พานิช"),
        (("กรุงเทพฯ", "TH-10", "10###"), ("เชียงใหม่", "TH-50", "502##"), ("ภูเก็ต", "TH-83", "830##")),
        ("##/# ซอยสุขุมวิท ##", "## ถนนนิมมานเหมินท์", "# หมู่ # ถนนพหลโยธิน"),
    ),
    Land(
        "SA", "ar", 9, "+966", ("50", 7),
        ("هند", "طارق", "نورة", "عبدالله", "ريم", "خالد", "لمى"),
        ("الدوسري", "الزهراني", "القحطاني", "العتيبي", "الشهري", "الحربي"),
        (("جدة", "", "234##"), ("الرياض", "", "116##"), ("الدمام", "", "322##")),
        ("حي الروضة، شارع ##", "طريق الملك فهد ###", "حي النخيل ##"),
    ),
    Land(
        "AE", "ar", 7, "+971", ("50", 7),
        ("أحمد", "مريم", "سلطان", "حصة", "راشد", "شمّا"),
        ("المنصوري", "بن راشد", "الكعبي", "النعيمي", "المهيري"),
        (("دبي", "DU", ""), ("أبوظبي", "AZ", ""), ("الشارقة", "SH", "")),
        ("برج الخليج، الطابق ##", "شارع الشيخ زايد ###", "مرسى دبي ##"),
    ),
    Land(
        "GB", "en", 6, "+44", ("7400", 6),
        ("Olivia", "Harry", "Amelia", "Callum", "Siân", "Zoë"),
        ("Bennett", "O’Connor", "Whitfield", "Ashworth", "Patel"),
        (("London", "", "N1 #AA"), ("Leeds", "", "LS# 4DY"), ("Edinburgh", "", "EH# 2NG")),
        ("## Church Lane", "Flat #, ## Mill Road", "# The Crescent"),
    ),
    Land(
        "US", "en", 4, "+1", ("20255501", 2),
        ("Grace", "Miguel", "Tyler", "Renée"),
        ("Nguyen", "Alvarez", "Carter", "Johnson"),
        (("Portland", "OR", "972##"), ("Austin", "TX", "787##"), ("Brooklyn", "NY", "112##")),
        ("### Maple Ave", "## W 4th St, Apt #"),
    ),
)  # fmt: skip

DIALLING = tuple(land.dialling for land in LANDS)


def _hero(
    index: int, hero: str, name: tuple[str, str], email: str, phone: str, locale: str, address: Address
) -> Person:
    first, last = name
    return Person(
        index=index, hero=hero, first_name=first, last_name=last, email=email, phone=phone, locale=locale,
        address=address,
    )  # fmt: skip


HEROES: tuple[Person, ...] = (
    _hero(
        0, "kadri", ("Kadri", "Tamm"), "kadri.tamm@example.ee", "+37255512345", "et",
        Address(address_1="Ringtee 75", city="Tartu", region="EE-79", postcode="50501", country="EE"),
    ),
    _hero(
        1, "andrei", ("Andrei", "Țurcanu"), "andrei.turcanu@example.ro", "+40721555014", "ro",
        Address(address_1="Str. Ștefan cel Mare nr. 5, bl. A2, ap. 14", city="Cluj-Napoca", region="CJ",
                postcode="400129", country="RO"),
    ),
    _hero(
        2, "nattaya", ("ณัฐยา", "ศรีสุข"), "nattaya.srisuk@example.co.th", "+66812345678", "th",
        Address(address_1="99/1 ซอยสุขุมวิท 21", city="กรุงเทพฯ", region="TH-10", postcode="10110", country="TH"),
    ),
    _hero(
        3, "fatima", ("فاطمة", "الغامدي"), "fatima.alghamdi@example.sa", "+966505551234", "ar",
        Address(address_1="حي الروضة، شارع 14", city="جدة", region="", postcode="23431", country="SA"),
    ),
    _hero(
        4, "saif", ("سيف", "المنصوري"), "saif@almansoori.example.ae", "+971505551234", "ar",
        Address(address_1="برج الخليج، الطابق 12", city="دبي", region="DU", postcode="", country="AE",
                company="المنصوري للتجارة"),
    ),
    _hero(
        5, "olivia", ("Olivia", "O’Brien-Smythe"), "olivia.obrien@example.co.uk", "+447400123456", "en",
        Address(address_1="14 Church Lane", city="Leeds", region="", postcode="LS6 4DY", country="GB"),
    ),
)  # fmt: skip
"""Buyers with a story, each of whom has bought in both stores. The sample conversation is with the first."""


def _digits(rng: random.Random, pattern: str) -> str:
    """`#` becomes a digit; the first of a run is never 0, since no house has that number."""
    out: list[str] = []
    for place, sign in enumerate(pattern):
        leading = place == 0 or pattern[place - 1] != "#"
        out.append(str(rng.randint(1 if leading else 0, 9)) if sign == "#" else sign)
    return "".join(out)


def person(seed: int, index: int) -> Person:
    """The heroes first, then as many others as anybody asks for."""
    if index < len(HEROES):
        return HEROES[index]
    rng = random.Random(f"{seed} person {index}")
    land = rng.choices(LANDS, [land.weight for land in LANDS])[0]
    city, region, postcode = rng.choice(land.places)
    start, more = land.mobile
    return Person(
        index=index,
        first_name=rng.choice(land.first_names),
        last_name=rng.choice(land.last_names),
        email=f"buyer{index:04d}.{land.country.lower()}@example.test",
        phone=f"{land.dialling}{start}{rng.randrange(10**more):0{more}d}",
        locale=land.locale,
        address=Address(
            address_1=_digits(rng, rng.choice(land.streets)),
            city=city,
            region=region,
            postcode=_digits(rng, postcode),
            country=land.country,
            company="OÜ Näidis" if land.country == "EE" and rng.random() < 0.08 else "",
        ),
    )
