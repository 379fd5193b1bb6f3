"""The merchant's choices about money: read with safe defaults, kept whole, never silently no limit."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from integration import audit, companions, limits, policy_draft, wording
from integration.db.accounts import Account, Role
from integration.errors import BadInput
from integration.limits import Ceiling, Choices
from integration.people import links


def test_before_anything_is_set_agents_have_limits_and_admins_none() -> None:
    agent = limits.limits_for({}, Role.AGENT, {}, "EUR")
    admin = limits.limits_for({}, Role.ADMIN, {}, "EUR")
    assert (agent.action, agent.day, agent.order) == (50_000, 200_000, 50_000)
    assert (admin.action, admin.day, admin.order) == (None, None, None)
    assert (agent.approval_above, agent.step_up_above) == (None, None)


@pytest.mark.parametrize(
    ("currency", "minor"), [("EUR", 50_000), ("JPY", 80_000), ("KWD", 150_000), ("XYZ", 50_000)]
)
def test_defaults_are_scaled_to_the_currency_and_its_digits(currency: str, minor: int) -> None:
    assert limits.limits_for({}, Role.AGENT, {}, currency).action == minor


def test_own_limits_go_before_the_roles_and_those_before_defaults() -> None:
    choices = Choices(ceilings={Role.AGENT: {"EUR": Ceiling(action=100)}}, step_up_above={"EUR": 7})
    settings = {"money": msgspec.to_builtins(choices)}
    assert limits.limits_for(settings, Role.AGENT, {}, "EUR").action == 100
    assert limits.limits_for(settings, Role.AGENT, {}, "EUR").day is None
    assert limits.limits_for(settings, Role.AGENT, {"EUR": {"action": 5}}, "EUR").action == 5
    assert limits.limits_for(settings, Role.AGENT, {"RON": {"action": 5}}, "EUR").action == 100
    assert limits.limits_for(settings, Role.AGENT, {}, "EUR").step_up_above == 7
    assert limits.limits_for(settings, Role.AGENT, {}, "RON").step_up_above is None


def test_settings_that_cannot_be_read_are_an_error_and_never_no_limit() -> None:
    with pytest.raises(msgspec.ValidationError):
        limits.limits_for(
            {"money": {"ceilings": {"agent": {"EUR": {"action": "much"}}}}}, Role.AGENT, {}, "EUR"
        )


def test_who_saves_at_the_same_time_undoes_nothing_of_anothers(
    database: Any, account: int, meanwhile: Any
) -> None:
    """Another person's words are kept between reading this one's limits and writing them."""

    def another() -> None:
        with database.transaction(account) as other:
            wording.save(other, "et", "where", "Tere!", by="liis@lumi.example")
            companions.switch(other, False, by="liis@lumi.example")
            policy_draft.keep(other, policy_draft.in_force(other).rules)
            links.doubt(other, 7)

    with database.transaction(account) as work:
        read = work.session.get_one(Account, account)
        done = meanwhile(another)
        limits.save(work, Choices(approval_above={"EUR": 20_000}), by="mari@lumi.example")
        assert ("replies" in read.settings) is done.done()
    done.result()
    with database.reading(account) as work:
        assert set(work.session.get_one(Account, account).settings) == {
            "replies", "replies_of_stores", "companions", "policy_draft", links.DOUBTED, "money"
        }  # fmt: skip


def test_saving_keeps_other_settings_and_goes_on_the_record(database: Any, account: int) -> None:
    with database.transaction(account) as work:
        work.session.get_one(Account, account).settings = {"wording": {"late": "…"}}
        limits.save(work, Choices(approval_above={"EUR": 20_000}, offline="queue"), by="mari@lumi.example")
    with database.reading(account) as work:
        assert work.session.get_one(Account, account).settings["wording"] == {"late": "…"}
        assert limits.load(work).approval_above == {"EUR": 20_000}
        assert limits.load(work).offline == "queue"
        assert audit.head(work)[0] == 1


@pytest.mark.parametrize(
    "choices",
    [
        Choices(approval_above={"EUR": -1}),
        Choices(step_up_above={"eur": 1}),
        Choices(ceilings={Role.AGENT: {"EUR": Ceiling(action=-5)}}),
        Choices(ceilings={Role.AGENT: {"EURO": Ceiling(action=5)}}),
        Choices(exception_budget={"EUR": 10**16}),
    ],
)
def test_impossible_choices_are_refused_and_change_nothing(
    database: Any, account: int, choices: Choices
) -> None:
    with database.transaction(account) as work, pytest.raises(BadInput):
        limits.save(work, choices, by="x")
    with database.reading(account) as work:
        assert limits.load(work) == Choices()
