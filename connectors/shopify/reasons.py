"""Our reasons for a return and Shopify's, which it calls definitions and knows by their handles.

Source: shopify.dev, objects/ReturnReasonDefinition (2026-10); the older enum ReturnReason had ten of them.
A shop may hide or add some, so each of ours names several, best first.
"""

from __future__ import annotations

from collections.abc import Container, Mapping

from integration.eligibility.facts import ReturnReason

HANDLES: Mapping[ReturnReason, tuple[str, ...]] = {
    ReturnReason.CHANGED_MIND: ("unwanted", "changed-mind"),
    ReturnReason.SIZE_SMALL: ("size-too-small", "too-small", "too-tight"),
    ReturnReason.SIZE_LARGE: ("size-too-large", "too-large", "too-big", "too-loose"),
    ReturnReason.FIT: ("fit", "comfort"),
    ReturnReason.COLOUR: ("color", "colour"),
    ReturnReason.STYLE: ("style",),
    ReturnReason.DEFECTIVE: ("defective", "damaged-or-defective"),
    ReturnReason.DAMAGED_IN_TRANSIT: ("damaged", "damaged-or-defective", "defective"),
    ReturnReason.NOT_AS_DESCRIBED: ("not-as-described",),
    ReturnReason.WRONG_ITEM: ("wrong-item", "wrong-item-received"),
    ReturnReason.MISSING_ITEM: ("missing-item", "wrong-item", "wrong-item-received"),
    ReturnReason.ARRIVED_LATE: ("arrived-late",),
    ReturnReason.UNKNOWN: ("unknown",),
}
"""Those without an entry are "other" there, which wants a note."""
OTHERS = ("other", "unknown")


def handle_among(known: Container[str], code: str) -> str | None:
    """The handle that says best what `code` says, of those the shop knows."""
    wanted = HANDLES.get(ReturnReason(code), ()) if code in ReturnReason.__members__.values() else ()
    return next((handle for handle in (*wanted, *OTHERS) if handle in known), None)


def code_of(handle: str) -> str:
    """Our code for a shop's handle; a handle that we have no word for stays as it is."""
    return next((code.value for code, handles in HANDLES.items() if handle in handles), handle)
