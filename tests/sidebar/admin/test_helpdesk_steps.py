"""What the steps of a helpdesk say: of an address nothing can open, of silence, of a call that failed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from integration import helpdesks
from jobs.boot import Services

FILLED = {"subdomain": "acme", "brand": "lumi", "workspace_id": "abc"}


@pytest.fixture
def page(services: Services, account: int, admin: int, sign_in: Callable[[int], Any]) -> Callable[..., str]:
    """The page of a new helpdesk of this kind, whose last call was refused for this reason."""

    def draw(kind: str, refused: str = "") -> str:
        with services.transaction(account) as work:
            form = helpdesks.KINDS[kind]
            settings = {
                setting.name: FILLED.get(setting.name, "secret")
                for setting in form.settings
                if setting.needed and setting.name != form.made_secret
            }
            row, _, _ = helpdesks.add(
                work, services.vault, kind, "Ours", settings=settings, app_url=services.settings.app_url
            )
            if refused:
                helpdesks.note_refusal(work, row.id, refused)
        browser = sign_in(admin)
        browser.get(f"/admin/helpdesks/{row.id}")
        return str(browser.text)

    return draw


@pytest.mark.parametrize("kind", sorted(set(helpdesks.KINDS) - {"generic"}))
def test_an_address_on_plain_http_is_told_before_anybody_wonders(
    services: Services, page: Callable[..., str], kind: str
) -> None:
    """A browser shows no such page inside one on https, and says so to nobody."""
    words = "Helpdesks open https addresses only."
    assert words not in page(kind)  # the machine one works on is good enough to try
    services.settings = replace(services.settings, app_url="http://desk.example.com")
    assert words in page(kind)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("zendesk", "is the app installed and switched on in Zendesk, for your role and group?"),
        ("chatwoot", "is the address in your helpdesk the one above, letter by letter?"),
        ("helpscout", "is the address in your helpdesk the one above, letter by letter?"),
    ],
)
def test_while_nothing_comes_it_says_where_to_look(page: Callable[..., str], kind: str, words: str) -> None:
    assert words in page(kind)
    assert words not in page(kind, "forged")  # something came


@pytest.mark.parametrize(
    ("kind", "code", "words"),
    [
        ("zendesk", "other_key", "if the app was uploaded anew, copy its two numbers again too"),
        ("zendesk", "other_subdomain", "A Zendesk with another subdomain called."),
        ("reamaze", "expired", "Check the clock of the server."),
        ("generic", "expired", "Check the clock of the server."),
        ("generic", "long_life", "The token is good for more than two minutes."),
        ("chatwoot", "other_origin", "Correct the address of your desk below."),
    ],
)
def test_a_refused_call_says_what_to_do(page: Callable[..., str], kind: str, code: str, words: str) -> None:
    text = page(kind, code)
    assert words in text
    assert "1 check failed" in text
    assert "Nothing yet: no call has proved itself" in text


def test_a_desk_that_draws_cards_is_not_told_to_open_a_frame(page: Callable[..., str]) -> None:
    text = page("cards")
    assert "Give your helpdesk this address" in text
    assert "{{ticket.customer.email}}" in text
    assert "Agents follow the link in the card" in text
    for other in ("into a frame", "JWT", "after pairing by code"):
        assert other not in text
