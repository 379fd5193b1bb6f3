"""People: invitations that work once, codes that are good once, sessions that end at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pyotp
import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select

from integration import audit, one_time, people
from integration.db.accounts import Agent, ApiToken, Invitation, Role, Session
from integration.db.audit import AuditEntry
from integration.errors import BadInput, Conflict, Forbidden, ForgedMessage, NotFound
from integration.people import invitations, passkeys, passwords, sessions, signing_in, totp
from integration.vault import Vault

SHOP = "lumi.myshopify.com"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@pytest.fixture
def vault() -> Vault:
    return Vault([Fernet.generate_key().decode()])


@pytest.fixture
def mari(database: Any, account: int, vault: Vault) -> int:
    """An admin who signs in with password and code."""
    with database.transaction(account) as work:
        agent, _ = people.add_agent(work, "mari@lumi.example", "Mari Mets", Role.ADMIN)
        signing_in.set_password(work, vault, agent, passwords.hash_password("a long enough one"), SECRET, 0)
        return agent.id


def code_at(clock: Any, steps: int = 0) -> str:
    return pyotp.TOTP(SECRET).at(int(clock().timestamp()) + steps * totp.STEP)


# -- agents ----------------------------------------------------------------------------------------


def test_an_address_is_kept_in_one_writing_and_taken_once(database: Any, account: int) -> None:
    with database.transaction(account) as work:
        agent, _ = people.add_agent(work, " Mari@Lumi.Example ", "Mari  Mets", Role.LEAD)
        assert (agent.email, agent.name) == ("mari@lumi.example", "Mari Mets")
        with pytest.raises(Conflict) as refused:
            people.add_agent(work, "MARI@lumi.example", "Another", Role.AGENT)
    assert refused.value.code == "agent_exists"


@pytest.mark.parametrize(
    "address", ["", "mari", "mari@", "a b@x.ee", "mari@x.ee, other@x.ee", "x" * 300 + "@x.ee"]
)
def test_what_is_no_address_is_refused(database: Any, account: int, address: str) -> None:
    with database.transaction(account) as work, pytest.raises(BadInput):
        people.add_agent(work, address, "Mari", Role.AGENT)
    with database.reading(account) as work:
        assert people.list_agents(work) == []


def test_agents_of_another_account_are_not_found(database: Any, world: Any, account: int, mari: int) -> None:
    with database.transaction(world.account("Other")) as work:
        assert people.list_agents(work) == []
        with pytest.raises(NotFound):
            people.disable_agent(work, mari)


def test_the_last_admin_can_neither_be_disabled_nor_made_less(database: Any, account: int, mari: int) -> None:
    with database.transaction(account) as work:
        with pytest.raises(Conflict):
            people.disable_agent(work, mari)
        with pytest.raises(Conflict):
            people.change_agent(work, mari, role=Role.LEAD)
        people.add_agent(work, "second@lumi.example", "Second", Role.ADMIN)
        people.disable_agent(work, mari)
    with database.reading(account) as work:
        assert people.find_agent(work, mari).disabled_at is not None


def test_disabling_ends_sessions_invitations_and_proofs_at_once(
    database: Any, account: int, mari: int
) -> None:
    with database.transaction(account) as work:
        people.add_agent(work, "second@lumi.example", "Second", Role.ADMIN)
        agent = people.find_agent(work, mari)
        secret = sessions.start(work, agent, "passkey")
        invitation = people.invite(work, mari)
        version = agent.token_version
    with database.everywhere() as work:
        assert sessions.find(work, secret) is not None
    with database.transaction(account) as work:
        people.disable_agent(work, mari)
    with database.everywhere() as work:
        agent = work.session.get_one(Agent, mari)
        assert sessions.find(work, secret) is None
        assert people.find_invitation(work, invitation) is None
        assert agent.token_version == version + 1
        assert (agent.password_hash, agent.totp_secret) == (None, None)


def test_enabling_starts_with_a_new_invitation(database: Any, account: int, mari: int) -> None:
    with database.transaction(account) as work:
        people.add_agent(work, "second@lumi.example", "Second", Role.ADMIN)
        people.disable_agent(work, mari)
        _, token = people.enable_agent(work, mari)
    with database.everywhere() as work:
        invited = people.find_invitation(work, token)
        assert invited is not None
        assert invited.agent_id == mari


def test_another_role_ends_the_sessions(database: Any, account: int, mari: int) -> None:
    with database.transaction(account) as work:
        agent, _ = people.add_agent(work, "second@lumi.example", "Second", Role.AGENT)
        secret = sessions.start(work, agent, "passkey")
        people.change_agent(work, agent.id, role=Role.LEAD)
    with database.everywhere() as work:
        assert sessions.find(work, secret) is None


def test_what_is_done_to_people_is_on_the_record_without_their_address(
    database: Any, account: int, mari: int
) -> None:
    with database.transaction(account) as work:
        people.change_agent(work, mari, limits={"EUR": {"action": 100}}, by="mari@lumi.example")
        people.create_token(work, "Reports", Role.AGENT)
    with database.reading(account) as work:
        rows = work.session.scalars(select(AuditEntry).order_by(AuditEntry.number)).all()
        assert [row.event for row in rows] == ["agent.added", "limits.changed", "token.created"]
        assert [(row.actor, row.proof) for row in rows[:2]] == [
            ("command", "system"),
            ("mari@lumi.example", "session"),
        ]
        assert not any("@" in str(row.detail) for row in rows)
        assert audit.verify(work) == (3, None)


# -- invitations -----------------------------------------------------------------------------------


def test_an_invitation_is_kept_as_a_hash_only(database: Any, account: int) -> None:
    with database.transaction(account) as work:
        _, token = people.add_agent(work, "a@lumi.example", "A", Role.AGENT)
        row = work.session.scalars(select(Invitation)).one()
        assert token not in row.token_hash
        assert len(row.token_hash) == 64


def test_an_invitation_works_once(database: Any, account: int) -> None:
    with database.transaction(account) as work:
        _, token = people.add_agent(work, "a@lumi.example", "A", Role.AGENT)
    with database.everywhere() as work:
        invited = people.find_invitation(work, token)
        assert invited is not None
        people.take_invitation(work, invited.id)
    with database.everywhere() as work:
        assert people.find_invitation(work, token) is None
        with pytest.raises(Conflict):
            people.take_invitation(work, invited.id)


def test_an_invitation_ends(database: Any, account: int, clock: Any) -> None:
    with database.transaction(account) as work:
        _, token = people.add_agent(work, "a@lumi.example", "A", Role.AGENT)
    clock.advance(invitations.LIFETIME - timedelta(seconds=1))
    with database.everywhere() as work:
        invited = people.find_invitation(work, token)
        assert invited is not None
    clock.advance(timedelta(seconds=1))
    with database.everywhere() as work:
        assert people.find_invitation(work, token) is None
        with pytest.raises(Conflict):
            people.take_invitation(work, invited.id)


def test_a_newer_invitation_replaces_the_older_one(database: Any, account: int) -> None:
    with database.transaction(account) as work:
        agent, first = people.add_agent(work, "a@lumi.example", "A", Role.AGENT)
        second = people.invite(work, agent.id)
    with database.everywhere() as work:
        assert people.find_invitation(work, first) is None
        assert people.find_invitation(work, second) is not None


# -- password and code -----------------------------------------------------------------------------


@pytest.mark.parametrize("password", ["", "elevenchars", "aaaaaaaaaaaaaaaa", "mari.mets.home@x", "x" * 257])
def test_a_password_that_is_too_easy_is_refused(password: str) -> None:
    with pytest.raises(BadInput):
        passwords.hash_password(password, email="mari.mets.home@x")


def test_a_password_is_kept_as_argon2id_and_only_it_fits() -> None:
    stored = passwords.hash_password("four plain words here")
    assert stored.startswith("$argon2id$")
    assert passwords.matches(stored, "four plain words here")
    assert not passwords.matches(stored, "four plain words Here")
    assert not passwords.matches(None, "four plain words here")
    assert not passwords.matches("not a hash", "four plain words here")


def test_a_code_may_be_one_step_off_and_no_more(clock: Any) -> None:
    step = int(clock().timestamp()) // totp.STEP
    assert totp.matching_step(SECRET, code_at(clock), clock(), None) == step
    assert totp.matching_step(SECRET, code_at(clock, -1), clock(), None) == step - 1
    assert totp.matching_step(SECRET, code_at(clock, 1), clock(), None) == step + 1
    assert totp.matching_step(SECRET, code_at(clock, 2), clock(), None) is None
    assert totp.matching_step(SECRET, code_at(clock, -2), clock(), None) is None


def test_a_code_is_read_in_the_digits_of_any_script(clock: Any) -> None:
    code = code_at(clock)
    arabic = code.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
    assert totp.matching_step(SECRET, f" {arabic[:3]} {arabic[3:]} ", clock(), None) is not None
    assert totp.matching_step(SECRET, "abcdef", clock(), None) is None


def test_a_code_is_good_once(database: Any, account: int, mari: int, vault: Vault, clock: Any) -> None:
    def try_it() -> Agent | None:
        with database.transaction(account) as work:
            return signing_in.decide(work, vault, mari, password_fits=True, code=code_at(clock))

    assert try_it() is not None
    assert try_it() is None
    clock.advance(timedelta(seconds=totp.STEP))
    assert try_it() is not None


def test_a_code_before_the_last_used_one_is_not_good_again(
    database: Any, account: int, mari: int, vault: Vault, clock: Any
) -> None:
    with database.transaction(account) as work:
        assert signing_in.decide(work, vault, mari, password_fits=True, code=code_at(clock, 1)) is not None
    with database.transaction(account) as work:
        assert signing_in.decide(work, vault, mari, password_fits=True, code=code_at(clock)) is None


def test_wrong_tries_lock_for_longer_and_longer(
    database: Any, account: int, mari: int, vault: Vault, clock: Any
) -> None:
    def try_it(code: str, fits: bool = True) -> Agent | None:
        with database.transaction(account) as work:
            return signing_in.decide(work, vault, mari, password_fits=fits, code=code)

    for _ in range(signing_in.TRIES):
        assert try_it(code_at(clock), fits=False) is None
    assert try_it(code_at(clock)) is None, "right proofs do not open a lock"
    clock.advance(signing_in.LOCK + timedelta(seconds=1))
    assert try_it("000000") is None
    clock.advance(signing_in.LOCK + timedelta(seconds=1))
    assert try_it(code_at(clock)) is None, "the second lock is twice as long"
    clock.advance(signing_in.LOCK)
    assert try_it(code_at(clock)) is not None
    with database.reading(account) as work:
        agent = people.find_agent(work, mari)
        assert (agent.failed_logins, agent.locked_until) == (0, None)


def test_a_lock_never_lasts_longer_than_an_hour(
    database: Any, account: int, mari: int, vault: Vault, clock: Any
) -> None:
    for _ in range(30):
        with database.transaction(account) as work:
            signing_in.decide(work, vault, mari, password_fits=False, code="000000")
            agent = people.find_agent(work, mari)
            if agent.locked_until is not None:
                assert agent.locked_until - clock() <= signing_in.LONGEST_LOCK
                clock.advance(agent.locked_until - clock() + timedelta(seconds=1))


def test_somebody_without_a_code_never_gets_in(database: Any, account: int, vault: Vault) -> None:
    with database.transaction(account) as work:
        agent, _ = people.add_agent(work, "a@lumi.example", "A", Role.AGENT)
        assert signing_in.decide(work, vault, agent.id, password_fits=True, code="000000") is None


# -- sessions --------------------------------------------------------------------------------------


def test_a_session_is_found_by_its_secret_only(database: Any, account: int, mari: int) -> None:
    with database.transaction(account) as work:
        secret = sessions.start(work, people.find_agent(work, mari), "passkey", "Firefox")
    with database.everywhere() as work:
        row = work.session.scalars(select(Session)).one()
        assert secret not in row.token_hash
        found = sessions.find(work, secret)
        assert found is not None
        assert (found.agent_id, found.account_id, found.role) == (mari, account, Role.ADMIN)
        assert sessions.find(work, row.token_hash) is None
        assert sessions.find(work, "") is None


def test_a_session_ends_unused_and_at_the_latest_after_a_week(
    database: Any, account: int, mari: int, clock: Any
) -> None:
    with database.transaction(account) as work:
        secret = sessions.start(work, people.find_agent(work, mari), "passkey")
    begun = clock()
    while clock() < begun + sessions.LIFETIME - sessions.IDLE:
        clock.advance(sessions.IDLE - timedelta(seconds=1))
        with database.everywhere() as work:
            found = sessions.find(work, secret)
            assert found is not None
            sessions.touch(work, found)
    clock.now = begun + sessions.LIFETIME
    with database.everywhere() as work:
        assert sessions.find(work, secret) is None
    with database.transaction(account) as work:
        idle = sessions.start(work, people.find_agent(work, mari), "passkey")
    clock.advance(sessions.IDLE)
    with database.everywhere() as work:
        assert sessions.find(work, idle) is None


def test_a_revoked_session_is_over_and_others_live(database: Any, account: int, mari: int) -> None:
    with database.transaction(account) as work:
        agent = people.find_agent(work, mari)
        kept, dropped = sessions.start(work, agent, "passkey"), sessions.start(work, agent, "passkey")
    with database.everywhere() as work:
        victim = sessions.find(work, dropped)
        assert victim is not None
    with database.transaction(account) as work:
        sessions.revoke(work, mari, victim.session_id)
    with database.everywhere() as work:
        assert sessions.find(work, dropped) is None
        assert sessions.find(work, kept) is not None


def test_nobody_revokes_the_session_of_another(database: Any, account: int, mari: int) -> None:
    with database.transaction(account) as work:
        other, _ = people.add_agent(work, "b@lumi.example", "B", Role.AGENT)
        secret = sessions.start(work, people.find_agent(work, mari), "passkey")
    with database.everywhere() as work:
        found = sessions.find(work, secret)
        assert found is not None
    with database.transaction(account) as work, pytest.raises(NotFound):
        sessions.revoke(work, other.id, found.session_id)
    with database.everywhere() as work:
        assert sessions.find(work, secret) is not None


def test_a_proof_is_fresh_for_five_minutes(database: Any, account: int, mari: int, clock: Any) -> None:
    with database.transaction(account) as work:
        secret = sessions.start(work, people.find_agent(work, mari), "passkey")
    with database.everywhere() as work:
        found = sessions.find(work, secret)
    assert found is not None
    assert found.is_fresh(clock() + timedelta(minutes=5))
    assert not found.is_fresh(clock() + timedelta(minutes=5, seconds=1))
    clock.advance(timedelta(minutes=30))
    with database.transaction(account) as work:
        sessions.prove_again(work, found.session_id)
    with database.everywhere() as work:
        again = sessions.find(work, secret)
        assert again is not None
        assert again.is_fresh(clock())


# -- tokens ----------------------------------------------------------------------------------------


def test_a_token_opens_until_it_is_revoked(database: Any, account: int) -> None:
    with database.transaction(account) as work:
        row, token = people.create_token(work, "Reports", Role.LEAD)
        assert token.startswith("ds_")
        assert token not in row.token_hash
    with database.everywhere() as work:
        found = people.authenticate_token(work, token)
        assert found is not None
        assert (found.account_id, found.role) == (account, Role.LEAD)
        assert people.authenticate_token(work, token[:-1]) is None
        assert people.authenticate_token(work, row.token_hash) is None
    with database.transaction(account) as work:
        people.revoke_token(work, row.id)
        people.revoke_token(work, row.id)
    with database.everywhere() as work:
        assert people.authenticate_token(work, token) is None


def test_the_use_of_a_token_is_noted_once_a_minute(database: Any, account: int, clock: Any) -> None:
    with database.transaction(account) as work:
        row, token = people.create_token(work, "Reports", Role.LEAD)

    def used_at() -> Any:
        with database.everywhere() as work:
            people.authenticate_token(work, token)
        with database.reading(account) as work:
            return work.session.get_one(ApiToken, row.id).last_used_at

    first = used_at()
    clock.advance(timedelta(seconds=59))
    assert used_at() == first
    clock.advance(timedelta(seconds=2))
    assert used_at() == clock()


def test_a_token_of_another_account_cannot_be_revoked(database: Any, world: Any, account: int) -> None:
    with database.transaction(account) as work:
        row, token = people.create_token(work, "Reports", Role.LEAD)
    with database.transaction(world.account("Other")) as work, pytest.raises(NotFound):
        people.revoke_token(work, row.id)
    with database.everywhere() as work:
        assert people.authenticate_token(work, token) is not None


# -- one-time things -------------------------------------------------------------------------------


def test_a_one_time_thing_is_used_once_for_its_own_purpose(database: Any, clock: Any) -> None:
    with database.everywhere() as work:
        secret = one_time.make(work, "state", {"shop": "x"}, timedelta(minutes=5))
    with database.everywhere() as work:
        assert one_time.use(work, "another", secret) is None
        assert one_time.peek(work, "state", secret) == {"shop": "x"}
        assert one_time.use(work, "state", secret) == {"shop": "x"}
        assert one_time.use(work, "state", secret) is None


def test_a_one_time_thing_expires(database: Any, clock: Any) -> None:
    with database.everywhere() as work:
        secret = one_time.make(work, "state", {}, timedelta(minutes=5))
    clock.advance(timedelta(minutes=5))
    with database.everywhere() as work:
        assert one_time.use(work, "state", secret) is None


def test_a_proof_is_seen_for_the_first_time_once(database: Any) -> None:
    with database.everywhere() as work:
        assert one_time.first_time(work, "jti", "a", timedelta(minutes=2))
        assert not one_time.first_time(work, "jti", "a", timedelta(minutes=2))
        assert one_time.first_time(work, "signature", "a", timedelta(minutes=2))
        assert one_time.first_time(work, "jti", "b", timedelta(minutes=2))


def test_a_link_from_a_store_signs_in_once(database: Any, account: int) -> None:
    with database.transaction(account) as work:
        agent = people.agent_from_store(
            work, domain="lumi.myshopify.com", external_id="77", name="Shopify 77"
        )
        again = people.agent_from_store(work, domain=SHOP, external_id="77", name="Other")
        assert agent.id == again.id
        secret = people.make_link(work, agent, "shopify")
    with database.everywhere() as work:
        entered = people.use_link(work, secret)
        assert entered is not None
        assert (entered[0].id, entered[1]) == (agent.id, "shopify")
        assert people.use_link(work, secret) is None


def test_a_link_of_a_disabled_person_is_void(database: Any, account: int, mari: int) -> None:
    with database.transaction(account) as work:
        agent = people.agent_from_store(
            work, domain="lumi.myshopify.com", external_id="77", name="Shopify 77"
        )
        secret = people.make_link(work, agent, "shopify")
        people.disable_agent(work, agent.id)
        with pytest.raises(Forbidden):
            people.agent_from_store(work, domain=SHOP, external_id="77", name="Shopify 77")
    with database.everywhere() as work:
        assert people.use_link(work, secret) is None


# -- passkeys --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "party"),
    [
        ("https://desk.example.com", passkeys.RelyingParty("desk.example.com", "https://desk.example.com")),
        ("http://localhost:8000", passkeys.RelyingParty("localhost", "http://localhost:8000")),
        ("http://desk.example.com", None),
        ("http://127.0.0.1:8000", None),
        ("https://[::1]", None),
    ],
)
def test_passkeys_are_offered_where_browsers_have_them(address: str, party: object) -> None:
    assert passkeys.relying_party(address) == party


@pytest.mark.parametrize(
    "answer", ["", "{}", "[]", '{"rawId":"a","response":{"clientDataJSON":"!!"}}', "\x00"]
)
def test_an_answer_that_is_no_passkey_is_refused(database: Any, answer: str) -> None:
    party = passkeys.RelyingParty("localhost", "http://localhost:8000")
    with database.everywhere() as work, pytest.raises(ForgedMessage):
        passkeys.verify(work, party, answer)
