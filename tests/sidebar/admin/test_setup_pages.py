"""Agents, limits, helpdesks and the audit log, as their pages take and show them."""

from __future__ import annotations

import ast
import csv
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

import integration
import jobs
import sidebar
from integration import audit, helpdesks, limits
from integration.db.accounts import Account, Role
from integration.db.helpdesks import Helpdesk
from integration.people import find_agent, list_agents
from integration.ports import Topic
from jobs.boot import Services
from sidebar.admin.audit import PROOFS, event_name
from sidebar.visit import Proof


def newest_helpdesk(services: Services, account: int) -> Helpdesk:
    with services.reading(account) as work:
        return helpdesks.everyone(work)[-1]


# -- agents ----------------------------------------------------------------------------------------


def test_an_invitation_is_shown_once(
    services: Services, account: int, admin: int, sign_in: Callable[[int], Any]
) -> None:
    browser = sign_in(admin)
    person = {"name": "Kristjan Põld", "email": "Kristjan@Lumi.example", "role": "lead"}
    answer = browser.post("/admin/agents/invite", person)
    address = re.search(r'value="(http[^"]+/admin/invitations/[\w-]{43})"', answer.get_data(as_text=True))
    assert address
    browser.get("/admin/agents")
    assert "Kristjan Põld" in browser.text
    assert "Invitation until 23 Nov, 12:00" in browser.text
    assert address.group(1) not in browser.text
    with services.reading(account) as work:
        assert (list_agents(work)[0].email, list_agents(work)[0].role) == ("kristjan@lumi.example", Role.LEAD)


@pytest.mark.parametrize(
    ("person", "words", "status"),
    [
        ({"name": "K", "email": "nonsense"}, "This is not an e-mail address.", 400),
        ({"name": "", "email": "k@lumi.example"}, "A name has 1 to 120 characters.", 400),
        ({"name": "K", "email": "maarja1@lumi.example"}, "There is already an agent with this address.", 409),
    ],
)
def test_a_wrong_invitation_keeps_what_was_typed(
    admin: int, sign_in: Callable[[int], Any], person: dict[str, str], words: str, status: int
) -> None:
    answer = sign_in(admin).post("/admin/agents/invite", person)
    assert answer.status_code == status
    assert words in answer.get_data(as_text=True)
    assert f'value="{person["email"]}"' in answer.get_data(as_text=True)


def test_own_limits_are_set_and_taken_back(
    services: Services, account: int, world: Any, admin: int, member: int, sign_in: Callable[[int], Any]
) -> None:
    world.store(account, currency="EUR")
    world.store(account, currency="JPY")
    browser = sign_in(admin)
    form = {
        "name": "Somchai W.",
        "role": "agent",
        "own": "yes",
        "EUR.action": "150,50",
        "EUR.day": "",
        "JPY.action": "9000",
        "JPY.day": "20000",
    }
    assert browser.post(f"/admin/agents/{member}", form).status_code == 303
    with services.reading(account) as work:
        agent = find_agent(work, member)
        assert agent.name == "Somchai W."
        assert agent.limits == {"EUR": {"action": 15_050}, "JPY": {"action": 9000, "day": 20_000}}
    browser.get("/admin/agents")
    assert "€150.50" in browser.text
    wrong = browser.post(f"/admin/agents/{member}", {**form, "JPY.action": "9000.5"})
    assert wrong.status_code == 400
    browser.post(f"/admin/agents/{member}", {**form, "own": "no"})
    with services.reading(account) as work:
        assert find_agent(work, member).limits == {}


def test_disabling_says_what_it_ends(
    services: Services, account: int, admin: int, member: int, sign_in: Callable[[int], Any]
) -> None:
    victim, browser = sign_in(member), sign_in(admin)
    browser.get(f"/admin/agents/{member}")
    assert "1 session ends at once, and every sidebar that is open." in browser.text
    assert browser.post(f"/admin/agents/{member}/disable").status_code == 303
    assert victim.get("/admin/actions").status_code == 303
    again = browser.post(f"/admin/agents/{member}/invite")
    assert "/admin/invitations/" in again.get_data(as_text=True)


def test_the_last_admin_stays(
    services: Services, account: int, admin: int, sign_in: Callable[[int], Any]
) -> None:
    browser = sign_in(admin)
    answer = browser.post(f"/admin/agents/{admin}/disable")
    assert answer.status_code == 409
    assert "This is the last admin." in answer.get_data(as_text=True)
    assert browser.get("/admin/agents").status_code == 200


# -- limits and account ----------------------------------------------------------------------------


def test_limits_are_saved_as_typed_and_empty_is_no_limit(
    services: Services, account: int, admin: int, sign_in: Callable[[int], Any]
) -> None:
    browser = sign_in(admin)
    browser.get("/admin/settings")
    assert 'name="agent.EUR.action"' in browser.text
    form = {
        "agent.EUR.action": "100",
        "agent.EUR.day": "400.00",
        "agent.EUR.order": "",
        "lead.EUR.action": "",
        "approval_above.EUR": "1000",
        "step_up_above.EUR": "250",
        "exception_budget.EUR": "650",
        "offline": "queue",
    }
    assert browser.post("/admin/settings", form).status_code == 303
    with services.reading(account) as work:
        settings = work.session.get_one(Account, account).settings
        agent, lead = (limits.limits_for(settings, role, {}, "EUR") for role in (Role.AGENT, Role.LEAD))
        assert (agent.action, agent.day, agent.order) == (10_000, 40_000, None)
        assert (lead.action, lead.approval_above, lead.step_up_above) == (None, 100_000, 25_000)
        assert (lead.exception_budget, limits.load(work).offline) == (65_000, "queue")
        assert audit.verify(work)[1] is None


@pytest.mark.parametrize("typed", ["-5", "1,234.00", "much", "1e5", "１００x", "9" * 20])
def test_a_sum_that_is_none_is_refused(
    services: Services, account: int, admin: int, sign_in: Callable[[int], Any], typed: str
) -> None:
    answer = sign_in(admin).post("/admin/settings", {"agent.EUR.action": typed})
    assert answer.status_code == 400
    with services.reading(account) as work:
        assert limits.load(work) == limits.Choices()


def test_the_account_keeps_its_zone_when_a_strange_one_comes(
    services: Services, account: int, admin: int, sign_in: Callable[[int], Any]
) -> None:
    browser = sign_in(admin)
    browser.post("/admin/settings/account", {"name": "Kask", "timezone": "Europe/Tallinn", "locale": "et"})
    browser.post("/admin/settings/account", {"name": "Kask", "timezone": "Mars/Base", "locale": "xx"})
    with services.reading(account) as work:
        row = work.session.get_one(Account, account)
        assert (row.name, row.timezone, row.locale) == ("Kask", "Europe/Tallinn", "et")


# -- helpdesks -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", sorted(helpdesks.KINDS))
def test_every_kind_has_its_form_and_its_steps(
    services: Services, account: int, admin: int, sign_in: Callable[[int], Any], kind: str
) -> None:
    browser = sign_in(admin)
    assert browser.get(f"/admin/helpdesks/add/{kind}").status_code == 200
    needed = {
        setting.name: "acme1"
        for setting in helpdesks.KINDS[kind].settings
        if setting.needed and setting.name != helpdesks.KINDS[kind].made_secret
    }
    answer = browser.post(f"/admin/helpdesks/add/{kind}", {"name": "Ours", **needed})
    assert answer.status_code == (200 if helpdesks.KINDS[kind].made_secret else 303)
    row = newest_helpdesk(services, account)
    page = browser.get(f"/admin/helpdesks/{row.id}")
    assert page.status_code == 200
    assert (kind == "zendesk") or f"/sidebar/{kind}/{row.key}" in browser.text
    assert browser.text.count("<li class=") >= 3


def test_a_made_secret_is_shown_once(
    services: Services, account: int, admin: int, sign_in: Callable[[int], Any]
) -> None:
    browser = sign_in(admin)
    form = {"name": "Own desk", "origin": "https://desk.example.com"}
    shown = browser.post("/admin/helpdesks/add/generic", form).get_data(as_text=True)
    row = newest_helpdesk(services, account)
    secret = helpdesks.secret_settings(services.vault, row)["secret"]
    assert secret in shown
    for path in ("/admin/helpdesks", f"/admin/helpdesks/{row.id}"):
        browser.get(path)
        assert secret not in browser.text
        assert "Own desk" in browser.text


@pytest.mark.parametrize(
    ("kind", "form", "words"),
    [
        ("zendesk", {}, "This is needed."),
        ("zendesk", {"subdomain": "a b"}, "This is not the part before .zendesk.com"),
        ("chatwoot", {"origin": "http://chat.example"}, "This is not the address of a desk."),
        ("intercom", {"client_secret": "x", "workspace_id": "a-b"}, "This is not a workspace id"),
    ],
)
def test_a_wrong_setting_is_said_at_its_field(
    services: Services,
    account: int,
    admin: int,
    sign_in: Callable[[int], Any],
    kind: str,
    form: dict[str, str],
    words: str,
) -> None:
    answer = sign_in(admin).post(f"/admin/helpdesks/add/{kind}", {"name": "X", **form})
    assert answer.status_code == 400
    assert words in answer.get_data(as_text=True)
    assert 'aria-invalid="true"' in answer.get_data(as_text=True)
    with services.reading(account) as work:
        assert helpdesks.everyone(work) == []


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"public_key": "x"}, "This is not a public key."),
        ({"app_id": "eleven", "installation_id": "7"}, "This is not a number."),
        ({"subdomain": "acme.zendesk.com/agent"}, "This is not the part before .zendesk.com"),
    ],
)
def test_a_wrong_setting_of_a_step_keeps_what_was_typed_and_has_the_focus(
    services: Services,
    account: int,
    admin: int,
    sign_in: Callable[[int], Any],
    form: dict[str, str],
    words: str,
) -> None:
    browser = sign_in(admin)
    browser.post("/admin/helpdesks/add/zendesk", {"name": "Z", "subdomain": "acme"})
    path = f"/admin/helpdesks/{newest_helpdesk(services, account).id}"
    answer = browser.post(path, form)
    assert answer.status_code == 400
    page = answer.get_data(as_text=True)
    assert words in page
    assert 'aria-invalid="true" autofocus' in page
    assert f'value="{next(iter(form.values()))}"' in page or "public_key" in form


def test_the_zendesk_app_is_made_for_its_own_address(
    services: Services, account: int, admin: int, sign_in: Callable[[int], Any]
) -> None:
    browser = sign_in(admin)
    browser.post("/admin/helpdesks/add/zendesk", {"name": "Z", "subdomain": "acme"})
    row = newest_helpdesk(services, account)
    answer = browser.client.get(f"/admin/helpdesks/{row.id}/app.zip")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="deskside-acme.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.get_data())) as archive:
        manifest = json.loads(archive.read("manifest.json"))
    place = manifest["location"]["support"]["ticket_sidebar"]
    assert place["url"] == f"http://127.0.0.1:1/sidebar/zendesk/{row.key}"
    services.settings = replace(services.settings, app_url="http://desk.example.com")
    refused = browser.get(f"/admin/helpdesks/{row.id}/app.zip")
    assert refused.status_code == 400
    assert "Helpdesks open https addresses only." in browser.text
    browser.post("/admin/helpdesks/add/generic", {"name": "G"})
    other = newest_helpdesk(services, account)
    assert browser.get(f"/admin/helpdesks/{other.id}/app.zip").status_code == 404


def test_a_refused_call_is_told_at_its_step(
    services: Services, account: int, clock: Any, admin: int, sign_in: Callable[[int], Any]
) -> None:
    browser = sign_in(admin)
    browser.post("/admin/helpdesks/add/zendesk", {"name": "Z", "subdomain": "acme"})
    row = newest_helpdesk(services, account)
    with services.transaction(account) as work:
        helpdesks.note_refusal(work, row.id, "forged")
    browser.get(f"/admin/helpdesks/{row.id}")
    assert "The signature does not fit." in browser.text
    assert "1 check failed" in browser.text


def test_settings_are_kept_step_by_step_and_secrets_never_shown(
    services: Services, account: int, admin: int, sign_in: Callable[[int], Any]
) -> None:
    browser = sign_in(admin)
    browser.post("/admin/helpdesks/add/chatwoot", {"name": "C", "origin": "https://c.example"})
    row = newest_helpdesk(services, account)
    path = f"/admin/helpdesks/{row.id}"
    assert browser.post(path, {"api_token": "very-secret", "account_id": "7"}).status_code == 303
    assert browser.post(path, {"account_id": "8"}).status_code == 303
    browser.get(path)
    assert "very-secret" not in browser.text
    assert "Kept. Fill in only to replace it." in browser.text
    row = newest_helpdesk(services, account)
    assert helpdesks.secret_settings(services.vault, row) == {"api_token": "very-secret"}
    assert row.settings == {"account_id": "8"}
    assert browser.post(path, {"account_id": "x"}).status_code == 400


def test_a_removed_helpdesk_is_gone(
    services: Services, account: int, admin: int, sign_in: Callable[[int], Any]
) -> None:
    browser = sign_in(admin)
    browser.post("/admin/helpdesks/add/generic", {"name": "G"})
    row = newest_helpdesk(services, account)
    assert browser.post(f"/admin/helpdesks/{row.id}/remove").status_code == 303
    assert browser.get(f"/admin/helpdesks/{row.id}").status_code == 404
    browser.get("/admin/helpdesks")
    assert "No helpdesk yet" in browser.text


def test_ones_own_desk_is_named_in_the_persons_language(admin: int, sign_in: Callable[[int], Any]) -> None:
    browser = sign_in(admin)
    browser.post("/admin/you/language", {"language": "et"})
    for path in ("helpdesks", "helpdesks/add/generic"):
        browser.get(f"/admin/{path}")
        assert "Teie enda kasutajatugi" in browser.text
        assert "Your own desk" not in browser.text


# -- audit log -------------------------------------------------------------------------------------


@pytest.fixture
def recorded(services: Services, account: int, world: Any, admin: int) -> int:
    """One entry about an order, with a note; its number."""
    store = world.store(account)
    [order] = world.sell(account, store, world.record())
    with services.transaction(account) as work:
        entry = audit.record(
            work,
            "refund.succeeded",
            actor="worker",
            proof="system",
            order_id=order,
            detail={"amount": 2450, "currency": "EUR", "before": {"a": 1}, "after": {"a": 2}},
            personal={"note": "=HYPERLINK(evil)"},
        )
        return entry.number


def test_entries_are_listed_in_words_and_open_in_place(
    recorded: int, admin: int, sign_in: Callable[[int], Any]
) -> None:
    browser = sign_in(admin)
    browser.get(f"/admin/audit?entry={recorded}")
    for words in ("Refund: done", "€24.50", "=HYPERLINK(evil)", "Before and after", "In the chain"):
        assert words in browser.text, words


def written_down() -> Iterator[str]:
    """Every event that the code puts on the record under a name of its own."""
    for package in (integration, jobs, sidebar):
        for file in Path(package.__path__[0]).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in RECORDING:
                    for argument in node.args[:3]:
                        yield from EVENT.findall(ast.unparse(argument))


RECORDING = ("record", "note", "_note")
EVENT = re.compile(r"'([a-z]+\.[a-z_]+)'")
NAMED_BY_VALUES = (
    *(f"withdrawal.{what}" for what in ("recorded", "acknowledged", "moved", "closed")),
    *(f"privacy.{topic}" for topic in (Topic.DATA_REQUEST, Topic.REDACT_CUSTOMER, Topic.REDACT_SHOP)),
)


def test_every_event_and_every_proof_is_told_in_words(app: Flask) -> None:
    events = {*written_down(), *NAMED_BY_VALUES}
    assert {"store.confirmed", "customers.looked_up", "reply.reset", "session.started"} <= events
    with app.test_request_context("/admin/audit"):
        assert [event for event in sorted(events) if event_name(event) == event] == []
        assert [proof for proof in Proof if proof not in PROOFS] == []


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("topic=money", 1),
        ("topic=access", 1),
        ("topic=rules", 0),
        ("actor=worker", 1),
        ("q=worker", 1),
        ("q=%23", 1),
        ("q=1", 2),
        ("q=%27%3B+DROP", 0),
        ("period=all", 2),
        ("topic=x&period=y&before=z&entry=w", 2),
    ],
)
def test_filters_narrow_the_log(
    recorded: int, admin: int, sign_in: Callable[[int], Any], query: str, count: int
) -> None:
    browser = sign_in(admin)
    assert browser.get(f"/admin/audit?{query}").status_code == 200
    assert len(re.findall(r'id="entry-\d+"', browser.text)) == count


def test_a_whole_chain_is_said_to_be_whole(recorded: int, admin: int, sign_in: Callable[[int], Any]) -> None:
    answer = sign_in(admin).post("/admin/audit/verify")
    assert "The chain is whole." in answer.get_data(as_text=True)


def test_a_changed_entry_is_found_and_named(
    services: Services, recorded: int, admin: int, sign_in: Callable[[int], Any]
) -> None:
    with services.db.engine.begin() as connection:
        connection.execute(text(f"UPDATE audit_entry SET actor = 'nobody' WHERE number = {recorded}"))
    answer = sign_in(admin).post("/admin/audit/verify").get_data(as_text=True)
    assert f"Entry {recorded} does not fit the one before it." in answer
    assert "The chain is whole." not in answer


def test_the_export_holds_every_entry_and_runs_nowhere(
    recorded: int, admin: int, sign_in: Callable[[int], Any]
) -> None:
    answer = sign_in(admin).client.get("/admin/audit/export?period=all")
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
    rows = list(csv.DictReader(io.StringIO(answer.get_data(as_text=True))))
    assert [row["event"] for row in rows] == ["agent.added", "refund.succeeded"]
    assert [row["previous"] for row in rows][1] == rows[0]["hash"]
    assert not any(value[:1] in ("=", "+", "@") for row in rows for value in row.values())


def test_one_account_never_sees_the_log_of_another(
    people: Any, world: Any, recorded: int, sign_in: Callable[[int], Any]
) -> None:
    other = world.account("Other")
    browser = sign_in(people.add("Olga", Role.ADMIN, account_id=other))
    browser.get("/admin/audit?period=all&q=worker")
    assert "Refund: done" not in browser.text
    assert "refund.succeeded" not in browser.client.get("/admin/audit/export?period=all").get_data(
        as_text=True
    )


# -- languages -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("language", "direction"), [("et", "ltr"), ("th", "ltr"), ("ar", "rtl")])
def test_a_person_chooses_their_language(
    admin: int, sign_in: Callable[[int], Any], language: str, direction: str
) -> None:
    browser = sign_in(admin)
    assert browser.post("/admin/you/language", {"language": language}).status_code == 303
    browser.get("/admin/stores")
    assert f'<html lang="{language}" dir="{direction}">' in browser.text
