"""What a door is: the contract that every helpdesk's module fills."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl

from flask import Request
from flask.typing import ResponseReturnValue

from integration.errors import ForgedMessage
from sidebar.arrivals import Context
from sidebar.visit import Visit


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The helpdesk at whose address somebody knocked; its secret opened, its account known."""

    id: int
    account_id: int
    key: str
    kind: str
    name: str
    origin: str
    settings: dict[str, str]
    secrets: dict[str, str]
    refused: bool = False
    """A call of it was refused since it was opened last."""
    noted: bool = False
    """That it is in use was written down within the minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """One kind of helpdesk: how it proves itself, who frames us, and which script speaks with its page."""

    kind: str
    open: Callable[[Request, Desk], Visit]
    """Check the proof. Raises :exc:`integration.errors.ForgedMessage` for one that does not hold.

    A visit of unknown state: nothing was said of the conversation yet; the host's page tells it.
    """
    framed_by: Callable[[Desk], tuple[str, ...]] = lambda desk: ()
    """Origins that may frame this tenant's pages. None: the desk draws by itself."""
    tell: Callable[[Visit, Desk, Context], Visit] | None = None
    """What the host's page says of the conversation, weighed. None: taken as a claim."""
    answer: Callable[[Request, Desk], ResponseReturnValue | None] | None = None
    """Answers by itself where the desk asks for data and not for a page; None: it asks for a page."""
    check: Callable[[Desk], str] | None = None
    """Ask the desk whether what the merchant entered works: a code of what does not, or "".

    For the set-up page, once all settings are there; it waits for the answer. None: nothing to ask.
    """
    sdk: tuple[str, ...] = ()
    """Addresses of the vendor's own script, loaded before ours; their hosts are allowed for this page."""
    bridge: str = ""
    """Our static file that joins the vendor's page and the pane: `window.desksideBridge`."""


MOST_PARAMETERS = 50


def query_pairs(query: str) -> list[tuple[str, str]]:
    """Every (name, value) of a signed query, in its order. Raises :exc:`ForgedMessage` for too many."""
    try:
        return parse_qsl(query, keep_blank_values=True, max_num_fields=MOST_PARAMETERS)
    except ValueError:
        raise ForgedMessage("more parameters than any helpdesk sends") from None


def agent_id(text: str) -> str:
    """A helpdesk's own id of an agent, as its proof has it. Raises :exc:`ForgedMessage` for what is none."""
    if "\0" in text:  # in no text of Postgres, which refuses to look for it
        raise ForgedMessage("the proof names nobody")
    return text
