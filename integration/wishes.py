"""What a person or program asks for, read strictly, and who asks."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from integration.db.accounts import Role
from integration.eligibility import ReturnReason
from integration.errors import BadInput
from integration.money import Money
from integration.ports import ActionKind

REASONS = tuple(reason.value for reason in ReturnReason)
Text = Annotated[str, Meta(max_length=2000)]
Short = Annotated[str, Meta(max_length=200)]


class Who(Struct, frozen=True, kw_only=True):
    """Who acts, and how that is known. Made by the server only."""

    name: str
    """For the record: the person's e-mail, or the token's name."""
    role: Role
    caller: str
    """Whose Idempotency-Keys these are: "agent:7", "token:3"."""
    proof: str
    """session, signed, token, claimed, none."""
    agent_id: int | None = None
    token_id: int | None = None
    """Of a program. `agent_id` is None then."""
    made_by: int | None = None
    """The agent who made the program's token."""
    limits: dict[str, Any] = {}
    """The person's own limits, by currency."""
    assurance: dict[str, Any] = {}
    """{tenant, agent, customer} of the visit. Source: our helpdesk facts, section 12."""
    stepped_up: bool = False
    """A passkey or code was shown in the last minutes."""

    @property
    def person_id(self) -> int | None:
        """The agent behind it all, by whichever way in. None: a token made on the server itself."""
        return self.agent_id if self.agent_id is not None else self.made_by

    @property
    def may_act(self) -> bool:
        """A claimed agent never changes anything."""
        return self.proof in ("session", "signed", "token", "system")


class Amount(Struct, frozen=True, forbid_unknown_fields=True):
    """Money as the API writes it."""

    amount: Annotated[str, Meta(max_length=24)]
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")]

    def money(self) -> Money:
        """Raises BadInput for text that is not a plain decimal with the currency's own digits at most."""
        try:
            value = Money.parse(self.amount, self.currency)
        except ValueError:
            raise BadInput("an amount is decimal text such as 12.50") from None
        places = value.text.partition(".")[2]
        if len(self.amount.partition(".")[2].rstrip("0")) > len(places):
            raise BadInput(f"{self.currency} has {len(places)} decimal digits")
        return value


class WishLine(Struct, frozen=True, forbid_unknown_fields=True):
    line_id: Short
    quantity: Annotated[int, Meta(ge=1, le=100_000)]
    restock: bool = False


class Conversation(Struct, frozen=True, forbid_unknown_fields=True):
    helpdesk: Short
    id: Short


class WishAddress(Struct, frozen=True, forbid_unknown_fields=True):
    name: Short = ""
    company: Short = ""
    address1: Short = ""
    address2: Short = ""
    city: Short = ""
    province: Short = ""
    zip: Short = ""
    country: Annotated[str, Meta(pattern="^([A-Z]{2})?$")] = ""
    phone: Short = ""


class Wish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One request to change one order: the body of the API's action calls, and of the dialogues.

    Refund: either `lines` and/or `shipping`, or `amount` alone.
    """

    lines: tuple[WishLine, ...] = ()
    shipping: Amount | None = None
    amount: Amount | None = None
    method: Literal["original", "store_credit", "manual"] = "original"
    reason: str = ReturnReason.CHANGED_MIND.value
    note: Text = ""
    notify: bool = False
    exception: Text | None = None
    conversation: Conversation | None = None
    return_id: Short | None = None
    address: WishAddress | None = None
    tags_add: tuple[Short, ...] = ()
    tags_remove: tuple[Short, ...] = ()
    restock: bool = True
    """Cancel: put the goods back on the shelf."""
    refund: bool = True
    """Cancel: pay back what was paid."""
    public: bool = False
    """Note: the customer may read it."""

    @property
    def fingerprint(self) -> str:
        """Equal for equal wishes, however their JSON was written."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()


def parse(kind: ActionKind, body: bytes | Mapping[str, Any]) -> Wish:
    """Read a wish strictly. Raises :exc:`BadInput` with the field that is wrong."""
    try:
        wish = (
            msgspec.json.decode(body, type=Wish)
            if isinstance(body, bytes)
            else msgspec.convert(dict(body), Wish)
        )
    except UnicodeDecodeError:
        raise BadInput("the body is not UTF-8") from None
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise BadInput(f"the body does not fit: {str(error)[:200]}") from None
    if wish.reason not in REASONS:
        raise BadInput(f"reason: want one of {', '.join(REASONS)}")
    if len({line.line_id for line in wish.lines}) != len(wish.lines):
        raise BadInput("lines: each line once")
    for amount in (wish.amount, wish.shipping):
        if amount is not None and amount.money().minor < 0:
            raise BadInput("an amount is not below zero")
    _check_kind(kind, wish)
    return wish


def _check_kind(kind: ActionKind, wish: Wish) -> None:
    if kind == ActionKind.REFUND:
        if wish.amount is not None and (wish.lines or wish.shipping is not None):
            raise BadInput("either lines and/or shipping, or amount alone")
        if wish.amount is None and not wish.lines and wish.shipping is None:
            raise BadInput("nothing to refund: name lines, shipping or an amount")
    elif kind == ActionKind.RETURN and not wish.lines:
        raise BadInput("lines: name what comes back")
    elif kind == ActionKind.NOTE and not wish.note.strip():
        raise BadInput("note: want some text")
    elif kind == ActionKind.TAGS and not (wish.tags_add or wish.tags_remove):
        raise BadInput("tags_add or tags_remove: want at least one tag")
    elif kind == ActionKind.ADDRESS and wish.address is None:
        raise BadInput("address: want the new address")
    elif kind.value.startswith("return_") and wish.return_id is None:
        raise BadInput("return_id: which return")
