"""A newcomer's walk: from the list of helpdesks to an agent who sees orders, by what the pages say alone.

The merchant presses what is on the page and copies what it hands out; the helpdesk is then played with
those values, mistakes first. Nothing is taken from the database.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from playwright.sync_api import expect

from integration import people
from integration.db.accounts import Role
from sidebar.helpdesks.zendesk import SDK

APP = "https://deskside.test"
KADRI = "kadri.tamm@example.ee"

ZENDESK = """
<form method="post" target="side" action="%s?origin=https://acme.zendesk.com&app_guid=g1">
<input name="token" value="%s"></form>
<iframe name="side" title="Deskside" width="360" height="700"></iframe>
<script>
  const post = (message) => frames[0].postMessage(JSON.stringify(message), "https://deskside.test");
  const values = { "ticket.id": 42, "ticket.subject": "Kus mu lamp on?",
    "ticket.requester": { id: 5, name: "Kadri", email: "kadri.tamm@example.ee" },
    currentUser: { id: 9001, name: "Liis Kask", email: "liis@lumi.example", locale: "en-US" } };
  addEventListener("message", ({ source, data }) => {
    if (source !== frames[0]) return;
    const message = JSON.parse(data);
    if (message.key === "iframe.handshake") {
      const context = { product: "support", location: "ticket_sidebar", ticketId: 42, instanceGuid: "g1",
        account: { subdomain: "acme" } };
      const metadata = { appId: 11, installationId: 7, settings: {} };
      post({ key: "zaf.app.registered", message: { context, metadata } });
    } else if (message.request === "get") {
      post({ id: message.id, result: { errors: {}, ...values } });
    } else if (message.request === "invoke") post({ id: message.id, result: { errors: {} } });
  });
  document.forms[0].submit();
</script>
"""

CHATWOOT = """
<iframe name="side" title="Deskside" src="%s" width="700" height="700"></iframe>
<script>
  const data = { conversation: { id: 42, account_id: 3, meta: { channel: "Channel::Email" } },
    contact: { id: 5, name: "Kadri", email: "kadri.tamm@example.ee" },
    currentAgent: { id: 1, name: "Liis Kask", email: "liis@lumi.example" } };
  addEventListener("message", ({ source, data: asked }) => {
    if (source === frames[0] && asked === "chatwoot-dashboard-app:fetch-info") {
      frames[0].postMessage(JSON.stringify({ event: "appContext", data }), "*");
    }
  });
</script>
"""


READ = "async (address) => [...new Uint8Array(await (await fetch(address)).arrayBuffer())]"


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def merchant(stage_of: Any, services: Any, account: int, agent: int, signed_in: Any) -> Any:
    """The page of a signed-in admin, at the list of helpdesks, which is empty."""
    with services.transaction(account) as work:
        boss = people.add_agent(work, "boss@lumi.example", "Boss", Role.ADMIN)[0].id
    stage = stage_of()
    stage.client = signed_in(boss)
    stage.page.goto(f"{APP}/admin/helpdesks")
    return stage.page


@pytest.fixture
def desk_stage(stage_of: Any) -> Any:
    """The agents' window: nobody is signed in there."""
    return stage_of()


def add(page: Any, kind: str, **fields: str) -> None:
    """Fill in the form behind the button “Add”."""
    if not page.url.endswith(f"/add/{kind.lower()}"):
        page.get_by_role("link", name=f"Add {kind}").click()
    for label, text in fields.items():
        page.get_by_label(label.replace("_", " "), exact=True).fill(text)
    page.get_by_role("button", name=f"Add {kind}").click()


def step(page: Any, title: str) -> Any:
    return page.locator("ol.steps > li", has=page.get_by_role("heading", name=title))


def fill_in(page: Any, title: str, **fields: str) -> Any:
    """The step, after its settings were saved; opened first where it is folded."""
    here = step(page, title)
    details = here.locator("details")
    if details.get_attribute("open") is None:
        details.locator("summary").click()
    for label, text in fields.items():
        here.get_by_label(label.replace("_", " ")).fill(text)
    here.get_by_role("button", name="Save and check").click()
    return here


def look_again(page: Any) -> None:
    page.get_by_role("link", name="Run all checks").click()


def test_zendesk_from_the_first_page_to_a_paired_agent(
    merchant: Any,
    desk_stage: Any,
    key: rsa.RSAPrivateKey,
    vendor_script: Any,
    clock: Any,
    shop: Any,
    confirm: Any,
    signed_in: Any,
    agent: int,
) -> None:
    page = merchant
    add(page, "Zendesk", Subdomain="https://acme.zendesk.com/agent")
    expect(page.get_by_text("This is not the part before .zendesk.com")).to_be_visible()
    expect(page.get_by_label("Subdomain")).to_be_focused()
    add(page, "Zendesk", Subdomain="acme2")
    expect(step(page, "Upload the app")).not_to_contain_text("Finished")
    address = uploaded(page)

    def open_ticket() -> None:
        """As Zendesk does, with a token that is new each time."""
        clock.advance(timedelta(seconds=5))
        now = int(clock().timestamp())
        claims = {
            "iss": "acme.zendesk.com",
            "aud": "https://acme.zendesk.com/api/v2/apps/installations/7.json",
            "sub": "https://acme.zendesk.com/api/v2/users/9001.json",
            "iat": now,
            "exp": now + 300,
        }
        token = jwt.encode(claims, key, algorithm="RS256")
        with desk_stage.page.expect_response(lambda answer: answer.url.startswith(address)):
            desk_stage.open("https://acme.zendesk.com", ZENDESK % (address, token), "/agent/tickets/42")

    desk_stage.scripts[SDK] = vendor_script("zendesk")
    open_ticket()
    look_again(page)
    expect(step(page, "Name your Zendesk")).to_contain_text("A Zendesk with another subdomain called.")
    fill_in(page, "Name your Zendesk", Subdomain="acme")
    open_ticket()
    look_again(page)
    expect(step(page, "Upload the app")).to_contain_text("Finished")
    proof = step(page, "Prove that it is Zendesk who calls")
    expect(proof).to_contain_text("Zendesk calls already. Fill in what is missing here")
    which = step(page, "Say which app it became")
    expect(which.get_by_role("link")).to_have_attribute(
        "href", "https://acme.zendesk.com/api/v2/apps/installations.json"
    )
    fill_in(page, "Say which app it became", App_id="11", Installation_id="8")
    expect(proof.get_by_role("link")).to_have_attribute(
        "href", "https://acme.zendesk.com/api/v2/apps/11/public_key.pem"
    )
    fill_in(page, "Prove that it is Zendesk who calls", Public_key="-----BEGIN CERTIFICATE-----")
    expect(page.get_by_text("This is not a public key.")).to_be_visible()
    fill_in(page, "Prove that it is Zendesk who calls", Public_key=pem(key))
    open_ticket()
    look_again(page)
    expect(which).to_contain_text("The key fits, but the call came from another installation.")
    fill_in(page, "Say which app it became", Installation_id="7")
    open_ticket()
    desk_stage.wait_for("customer")
    look_again(page)
    expect(proof).to_contain_text("Finished")
    pairing = step(page, "Agents pair once")
    expect(pairing).to_contain_text("0 of 2 agents have paired.")

    desk_stage.see("refund-open").first.click()
    desk_stage.see("pair").first.click()
    desk_stage.wait_for("pair-code")
    assert confirm(signed_in(agent), desk_stage.see("pair-code").first.inner_text()).status_code == 200
    expect(desk_stage.side.locator("dialog [data-testid=pair]")).to_have_count(0)
    look_again(page)
    expect(pairing).to_contain_text("1 of 2 agents have paired.")
    page.get_by_role("link", name="Helpdesks").first.click()
    expect(page.get_by_role("row", name=re.compile("Zendesk"))).to_contain_text("Works")


def uploaded(page: Any) -> str:
    """What Zendesk reads out of the app that the page hands over: where its frame is."""
    link = page.get_by_role("link", name="Download the app").get_attribute("href")
    body = bytes(page.evaluate(READ, link))
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        manifest = json.loads(archive.read("manifest.json"))
    assert manifest["signedUrls"] is True
    return str(manifest["location"]["support"]["ticket_sidebar"]["url"])


def pem(key: rsa.RSAPrivateKey) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def test_chatwoot_from_the_first_page_to_a_paired_agent(
    merchant: Any,
    desk_stage: Any,
    chatwoot: Any,
    clock: Any,
    shop: Any,
    confirm: Any,
    signed_in: Any,
    agent: int,
) -> None:
    page = merchant
    for wrong in ("chat.lumi.example", "http://chat.lumi.example", f"{chatwoot.origin}/app/accounts/3"):
        add(page, "Chatwoot", Address_of_your_desk=wrong)
        expect(page.get_by_text("This is not the address of a desk.")).to_be_visible()
        expect(page.get_by_label("Address of your desk")).to_have_value(wrong)
    add(page, "Chatwoot", Address_of_your_desk="https://chat.lumi.example")
    first = step(page, "Add a dashboard app")
    expect(first).not_to_contain_text("Finished")
    address = first.get_by_label("Address for your helpdesk").input_value()

    def open_tab() -> None:
        """The agent presses the app's tab in Chatwoot."""
        clock.advance(timedelta(seconds=5))
        desk_stage.open(chatwoot.origin, CHATWOOT % address, "/app/accounts/3/conversations/42")

    open_tab()
    look_again(page)
    expect(first).to_contain_text("The sidebar was opened at another address")
    page.get_by_label("Address of your desk").fill(chatwoot.origin)
    page.get_by_role("button", name="Save", exact=True).click()
    open_tab()
    desk_stage.wait_for("unproven")
    look_again(page)
    expect(first).to_contain_text("Finished")

    title = "Let us confirm the customer"
    for token, number, said in (
        ("wrong", "3", "Chatwoot refuses the access token."),
        ("chatwoot-token", "4", "its owner has no account of this number"),
        ("", "3", "the token fits this account"),
    ):
        here = fill_in(page, title, Access_token=token, Account_number=number)
        expect(here).to_contain_text(said)
    expect(here).to_contain_text("Finished")

    desk_stage.see("pair").first.click()
    desk_stage.wait_for("pair-code")
    assert confirm(signed_in(agent), desk_stage.see("pair-code").first.inner_text()).status_code == 200
    desk_stage.wait_for("customer")
    assert "Kadri Tamm" in desk_stage.text()
    page.get_by_role("link", name="Helpdesks").first.click()
    expect(page.get_by_role("row", name=re.compile("Chatwoot"))).to_contain_text("Works")
