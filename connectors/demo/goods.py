"""The goods of the demo world: things for the home, with every property that a right of return asks about.

The properties are expressed as real shops express them, by tags (`final-sale`, `personalised`,
`hygiene-seal`, `digital` …); a store that has a better place for one (a virtual product, a gift-card
product) uses that place too.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from html import escape


class Kind(StrEnum):
    """What matters about a product when somebody wants to send it back. The value is the shop's tag."""

    GOODS = "home"
    FINAL_SALE = "final-sale"
    PERSONALISED = "personalised"
    HYGIENE = "hygiene-seal"
    PERISHABLE = "perishable"
    DIGITAL = "digital"
    GIFT_CARD = "gift-card"


@dataclass(frozen=True, slots=True)
class Variant:
    sku: str
    options: tuple[tuple[str, str], ...]
    """Name and value of each choice: `(("Colour", "Grey"), ("Size", "130 × 200"))`."""

    @property
    def title(self) -> str:
        return ", ".join(value for _, value in self.options)


@dataclass(frozen=True, slots=True)
class Product:
    sku: str
    title: str
    category: str
    price: int
    """What a consumer pays for one, tax included, in euro cents."""
    kind: Kind
    variants: tuple[Variant, ...]
    """At least one; a product without choices has a single variant with no options and the same SKU."""
    grams: int
    colour: str
    """Of its picture."""

    @property
    def tags(self) -> tuple[str, ...]:
        return (self.kind.value, self.category.lower())

    @property
    def shipped(self) -> bool:
        """Whether it goes in a parcel."""
        return self.kind not in (Kind.DIGITAL, Kind.GIFT_CARD)


def _product(
    sku: str,
    title: str,
    category: str,
    price: int,
    kind: Kind,
    grams: int,
    colour: str,
    /,
    **options: tuple[str, ...],
) -> Product:
    choices: list[tuple[tuple[str, str], ...]] = [()]
    for name, values in options.items():
        choices = [(*choice, (name, value)) for choice in choices for value in values]
    variants = tuple(
        Variant(f"{sku}-{number}" if choice else sku, choice)
        for number, choice in enumerate(choices, start=1)
    )
    return Product(sku, title, category, price, kind, tuple(variants), grams, colour)


PRODUCTS: tuple[Product, ...] = (
    _product("THROW-SAAR", "Wool throw Saar", "Textiles", 8900, Kind.GOODS, 900, "#8a8f98",
             Colour=("Grey", "Moss"), Size=("130 × 200", "150 × 220")),
    _product("THROW-MUHU", "Striped throw Muhu", "Textiles", 7450, Kind.GOODS, 850, "#b5483a",
             Colour=("Red", "Blue")),
    _product("CURTAIN-LINEN", "Linen curtain", "Textiles", 4800, Kind.GOODS, 700, "#d9cfbd",
             Size=("140 × 250", "140 × 280")),
    _product("CUSHION-KIHNU", "Cushion cover Kihnu", "Textiles", 2650, Kind.GOODS, 250, "#a43a53"),
    _product("LAMP-KUU", "Table lamp Kuu", "Lighting", 5540, Kind.GOODS, 1400, "#c79a5b",
             Wood=("Oak", "Ash"), Socket=("E14",)),
    _product("LAMP-VALGUS", "Floor lamp Valgus", "Lighting", 14200, Kind.GOODS, 5200, "#30343b",
             Colour=("Black", "Sand")),
    _product("MUG-KASMU", "Ceramic mug Käsmu", "Kitchen", 1690, Kind.GOODS, 400, "#5b7c99",
             Glaze=("Sea", "Sand", "Pine")),
    _product("BOARD-BIRCH", "Birch serving board", "Kitchen", 3250, Kind.GOODS, 800, "#d8b98a"),
    _product("POT-RAKU", "Stoneware pot Raku", "Kitchen", 6490, Kind.GOODS, 2600, "#6d5f57"),
    _product("BASKET-PAJU", "Willow basket", "Storage", 3900, Kind.GOODS, 600, "#a9814e",
             Size=("S", "M", "L")),
    _product("SLIPPERS-VILT", "Felt slippers", "Textiles", 4200, Kind.GOODS, 350, "#76808f",
             Size=("37", "39", "41", "43")),
    _product("SCRUB-HONEY", "Sauna scrub, honey 200 ml", "Sauna", 1240, Kind.HYGIENE, 260, "#e0a83c"),
    _product("SCRUB-BIRCH", "Sauna scrub, birch 200 ml", "Sauna", 1240, Kind.HYGIENE, 260, "#9db37a"),
    _product("OIL-SAUNA", "Sauna oil, juniper 50 ml", "Sauna", 950, Kind.HYGIENE, 110, "#51705a"),
    _product("TOWEL-MONO", "Bath towel, monogram", "Sauna", 2900, Kind.PERSONALISED, 600, "#b9c0c7",
             Colour=("White", "Linen")),
    _product("SIGN-DOOR", "Engraved door sign", "Decor", 3400, Kind.PERSONALISED, 300, "#b08d57"),
    _product("VASE-LAST", "Glass vase, last pieces", "Decor", 1950, Kind.FINAL_SALE, 900, "#7fa8a4"),
    _product("RUG-SAMPLE", "Showroom rug 80 × 150", "Textiles", 5900, Kind.FINAL_SALE, 2900, "#9c6b4f"),
    _product("CANDLE-BEES", "Beeswax candles, six", "Decor", 1480, Kind.GOODS, 500, "#e8c268"),
    _product("TEA-FOREST", "Forest tea 80 g", "Pantry", 790, Kind.PERISHABLE, 100, "#5f6f3e"),
    _product("JAM-ROSEHIP", "Rose-hip jam & crackers", "Pantry", 1150, Kind.PERISHABLE, 420, "#b4472f"),
    _product("PATTERN-MITTEN", "Knitting pattern Mulgi mittens (PDF)", "Patterns", 690, Kind.DIGITAL, 0,
             "#6f8fb3"),
    _product("PATTERN-QUILT", "Quilt pattern Põhjatäht (PDF)", "Patterns", 890, Kind.DIGITAL, 0, "#4d5f8c"),
    _product("GIFT-50", "Gift card 50 €", "Gift cards", 5000, Kind.GIFT_CARD, 0, "#2f6f5e"),
)  # fmt: skip

BY_SKU = {product.sku: product for product in PRODUCTS}


def picture(product: Product) -> str:
    """A small SVG that stands in for a photograph."""
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 96 96" role="img">'
        f"<title>{escape(product.title)}</title>"
        f'<rect width="96" height="96" rx="10" fill="{product.colour}"/>'
        f'<circle cx="68" cy="26" r="30" fill="#fff" opacity=".14"/>'
        f'<path d="M0 70 Q30 52 56 70 T96 66 V96 H0Z" fill="#000" opacity=".13"/>'
        '<text x="12" y="84" font-family="Georgia,serif" font-size="34" fill="#fff">'
        f"{escape(product.title[0])}</text>"
        "</svg>"
    )
