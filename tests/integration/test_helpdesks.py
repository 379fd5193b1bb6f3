"""Helpdesks: settings checked by kind, secrets sealed and shown once, addresses that stop working."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from integration import helpdesks
from integration.errors import BadInput, NotFound
from integration.vault import Vault

APP = "https://desk.example.com"


@pytest.fixture
def vault() -> Vault:
    return Vault([Fernet.generate_key().decode()])


def pem(key: Any) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.fixture(scope="module")
def rsa_pem() -> str:
    return pem(rsa.generate_private_key(65537, 2048))


def test_a_secret_that_we_choose_is_shown_once_and_sealed(database: Any, account: int, vault: Vault) -> None:
    with database.transaction(account) as work:
        row, url, secret = helpdesks.add(work, vault, "generic", "Our desk", "https://a.example", app_url=APP)
        assert url == f"{APP}/sidebar/generic/{row.key}"
        assert len(secret) >= 32
        assert secret.encode() not in (row.secret or b"")
        assert secret not in str(row.settings)
        assert helpdesks.secret_settings(vault, row) == {"secret": secret}


def test_the_key_of_a_helpdesk_is_no_option_of_a_command(database: Any, account: int, vault: Vault) -> None:
    """`integration helpdesks remove -Xy…`: one random text in sixty-four begins with a dash."""
    with database.transaction(account) as work:
        keys = [helpdesks.add(work, vault, "helpscout", "HS", app_url=APP)[0].key for _ in range(40)]
    assert all(key.isalnum() for key in keys)
    assert len(set(keys)) == 40


def test_help_scout_takes_secrets_of_forty_characters_at_most(
    database: Any, account: int, vault: Vault
) -> None:
    with database.transaction(account) as work:
        _, _, secret = helpdesks.add(work, vault, "helpscout", "HS", app_url=APP)
        assert len(secret) <= 40


def test_a_given_secret_is_taken_and_not_shown(database: Any, account: int, vault: Vault) -> None:
    with database.transaction(account) as work:
        row, _, shown = helpdesks.add(
            work, vault, "front", "Front", settings={"auth_secret": "abc"}, app_url=APP
        )
        assert shown == ""
        assert helpdesks.secret_settings(vault, row) == {"auth_secret": "abc"}
        assert row.settings == {}


def test_zendesk_settings_are_brought_into_one_form(
    database: Any, account: int, vault: Vault, rsa_pem: str
) -> None:
    with database.transaction(account) as work:
        row, _, _ = helpdesks.add(
            work,
            vault,
            "zendesk",
            "Zendesk",
            settings={
                "subdomain": "https://Acme.zendesk.com/",
                "app_id": "12",
                "installation_id": "34",
                "public_key": rsa_pem,
            },
            app_url=APP,
        )
        assert row.settings["subdomain"] == "acme"
        assert helpdesks.lacking(row, vault) == []


@pytest.mark.parametrize(
    ("kind", "settings", "names"),
    [
        ("zendesk", {}, "subdomain"),
        ("zendesk", {"subdomain": "a/../b"}, "subdomain"),
        ("zendesk", {"subdomain": "acme.evil.com"}, "subdomain"),
        ("zendesk", {"subdomain": "acme", "app_id": "x"}, "app_id"),
        ("zendesk", {"subdomain": "acme", "public_key": "-----BEGIN"}, "public_key"),
        ("zendesk", {"subdomain": "acme", "colour": "red"}, "colour"),
        ("front", {}, "auth_secret"),
        ("intercom", {"client_secret": "x"}, "workspace_id"),
        ("reamaze", {"sso_secret": "x", "brand": "a b"}, "brand"),
        ("aol", {}, "kind"),
    ],
)
def test_a_wrong_setting_is_named(
    database: Any, account: int, vault: Vault, kind: str, settings: dict[str, str], names: str
) -> None:
    with database.transaction(account) as work, pytest.raises(BadInput) as refused:
        helpdesks.add(work, vault, kind, "X", settings=settings, app_url=APP)
    assert str(refused.value).startswith(f"{names}: ")
    with database.reading(account) as work:
        assert helpdesks.everyone(work) == []


def test_a_key_that_cannot_sign_rs256_is_refused(database: Any, account: int, vault: Vault) -> None:
    for key in (ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 1024)):
        with database.transaction(account) as work, pytest.raises(BadInput):
            helpdesks.add(
                work,
                vault,
                "zendesk",
                "Z",
                settings={"subdomain": "a", "public_key": pem(key)},
                app_url=APP,
            )


@pytest.mark.parametrize(
    "origin",
    [
        "http://desk.example.com",
        "https://desk.example.com/path",
        "https://user@desk.example.com",
        "https://*",
        "https://a.example 'unsafe-inline'",
        "https://a.example;script-src *",
        "desk.example.com",
        "https://desk.example.com:port",
        "https://[desk.example.com",
        "https://a..example.com",
    ],
)
def test_only_a_plain_https_origin_may_frame_us(
    database: Any, account: int, vault: Vault, origin: str
) -> None:
    with database.transaction(account) as work, pytest.raises(BadInput) as refused:
        helpdesks.add(work, vault, "chatwoot", "C", origin, app_url=APP)
    assert refused.value.code == "bad_origin"


def test_loopback_may_be_plain_http(database: Any, account: int, vault: Vault) -> None:
    with database.transaction(account) as work:
        row, _, _ = helpdesks.add(work, vault, "generic", "G", "http://127.0.0.1:9000/", app_url=APP)
        assert row.origin == "http://127.0.0.1:9000"


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("https://desk.example.com/", "https://desk.example.com"),
        ("HTTPS://Desk.Example.com", "https://desk.example.com"),
        ("https://desk.example.com:443", "https://desk.example.com"),
        ("https://desk.example.com:8443", "https://desk.example.com:8443"),
        ("http://localhost:80", "http://localhost"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("https://müük.example.ee", "https://xn--mk-xkaa.example.ee"),
        ("https://ร้าน.example", "https://xn--q3ct9b5e.example"),
    ],
)
def test_an_origin_is_kept_as_browsers_write_it(
    database: Any, account: int, vault: Vault, typed: str, kept: str
) -> None:
    with database.transaction(account) as work:
        row, _, _ = helpdesks.add(work, vault, "chatwoot", "C", typed, app_url=APP)
        assert row.origin == kept


def test_a_change_keeps_what_is_not_given(database: Any, account: int, vault: Vault) -> None:
    with database.transaction(account) as work:
        row, _, _ = helpdesks.add(
            work, vault, "chatwoot", "C", "https://c.example", {"api_token": "t1"}, app_url=APP
        )
        helpdesks.note_refusal(work, row.id, "forged")
        helpdesks.change(work, vault, row.id, settings={"account_id": "7", "api_token": ""})
        assert row.settings == {"account_id": "7"}
        assert helpdesks.secret_settings(vault, row) == {"api_token": "t1"}
        assert row.origin == "https://c.example"


def test_the_last_refusal_is_kept_until_a_call_is_taken(
    database: Any, account: int, vault: Vault, clock: Any
) -> None:
    with database.transaction(account) as work:
        row, _, _ = helpdesks.add(work, vault, "generic", "G", app_url=APP)
        assert helpdesks.last_refusal(row) is None
        helpdesks.note_refusal(work, row.id, "forged")
        assert helpdesks.last_refusal(row) == (clock(), "forged")
        clock.advance(timedelta(seconds=1))
        row.last_opened_at = clock()
        assert helpdesks.last_refusal(row) is None


def test_a_removed_helpdesk_is_not_found_any_more(database: Any, account: int, vault: Vault) -> None:
    with database.transaction(account) as work:
        row, _, _ = helpdesks.add(work, vault, "generic", "G", app_url=APP)
        helpdesks.remove(work, row.id)
        assert row.secret is None
    with database.everywhere() as work:
        assert helpdesks.by_key(work, row.key) is None
    with database.transaction(account) as work, pytest.raises(NotFound):
        helpdesks.find(work, row.id)


def test_a_helpdesk_of_another_account_is_not_found(
    database: Any, world: Any, account: int, vault: Vault
) -> None:
    with database.transaction(account) as work:
        row, _, _ = helpdesks.add(work, vault, "generic", "G", app_url=APP)
    with database.transaction(world.account("Other")) as work, pytest.raises(NotFound):
        helpdesks.remove(work, row.id)
    with database.everywhere() as work:
        assert helpdesks.by_key(work, row.key) is not None


@pytest.mark.parametrize("key", ["", "a\0b", "'; --", "%s"])
def test_an_address_that_we_never_gave_out_leads_to_no_helpdesk(database: Any, key: str) -> None:
    with database.everywhere(write=False) as work:
        assert helpdesks.by_key(work, key) is None


def test_a_refusal_is_noted_beside_what_was_mended_meanwhile(
    database: Any, account: int, vault: Vault, meanwhile: Any
) -> None:
    with database.transaction(account) as work:
        acme = {"subdomain": "acme"}
        desk = helpdesks.add(work, vault, "zendesk", "Support", settings=acme, app_url=APP)[0].id

    def mend() -> None:
        with database.transaction(account) as other:
            helpdesks.change(other, vault, desk, settings={"installation_id": "7"})

    with database.transaction(account) as work:
        read = helpdesks.find(work, desk)
        done = meanwhile(mend)
        helpdesks.note_refusal(work, desk, "no_key")
        mended_first = done.done()
        assert (read.settings.get("installation_id") == "7") is mended_first
    done.result()
    with database.reading(account) as work:
        found = helpdesks.find(work, desk)
        assert found.settings["installation_id"] == "7"
        # What is mended after a refusal has answered it.
        assert (helpdesks.last_refusal(found) or ("", ""))[1] == ("no_key" if mended_first else "")
