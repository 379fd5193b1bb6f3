"""What a merchant does in each helpdesk, step by step, and what we can check by ourselves.

Source: our helpdesk facts, one section a kind. A step is done when its settings are there and its
checks pass; the first one that is not is the one to do now.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from flask_babel import gettext as _

from integration.db.accounts import Agent
from integration.db.helpdesks import Helpdesk
from sidebar.admin.frame import when


@dataclass(frozen=True, slots=True)
class Check:
    """One thing we looked at. `passed` None: it has not happened yet."""

    passed: bool | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    title: str
    text: str = ""
    settings: tuple[str, ...] = ()
    """Names of the settings that are entered here."""
    shows: str = ""
    """What is handed over here: the address to copy, or the app's zip."""
    checks: tuple[Check, ...] = ()

    def done(self, lacking: set[str]) -> bool:
        return not set(self.settings) & lacking and all(check.passed for check in self.checks)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What is known about a helpdesk when its page is drawn."""

    helpdesk: Helpdesk
    lacking: frozenset[str]
    matched: tuple[Agent, ...]
    enabled: int
    """Agents of the account who are not disabled."""
    refusal: str = ""
    """In words: why the last call was refused; empty when none was."""
    names: Mapping[str, str] = field(default_factory=dict)


def labels() -> dict[str, str]:
    """Each setting as the vendor calls it."""
    return {
        "subdomain": _("Subdomain"),
        "app_id": _("App id"),
        "installation_id": _("Installation id"),
        "public_key": _("Public key of the app"),
        "auth_secret": _("Auth secret"),
        "secret": _("Secret key"),
        "api_token": _("Access token"),
        "account_id": _("Account number"),
        "brand": _("Brand"),
        "sso_secret": _("SSO secret"),
        "client_secret": _("Client secret"),
        "workspace_id": _("Workspace id"),
    }


def hints() -> dict[str, str]:
    return {
        "subdomain": _("The part before .zendesk.com."),
        "app_id": _("Stands in the address of the app in Admin Center."),
        "installation_id": _("Stands in the address of the installed app’s settings."),
        "public_key": _("A public key is no secret. Every uploaded app has its own."),
        "auth_secret": _("In Front: Settings, Developers, your app, Basic information."),
        "secret": _("At most 40 characters. Leave it empty and we choose one."),
        "api_token": _("Of a person who may read conversations. We only read with it."),
        "account_id": _("The number in the address of your desk: /app/accounts/…"),
        "brand": _("The part before .reamaze.com."),
        "sso_secret": _(
            "In Re:amaze: Settings, Advanced, SSO. It also signs your customers in: keep it safe."
        ),
        "client_secret": _("In Intercom’s Developer Hub: your app, Basic information."),
        "workspace_id": _("In Intercom’s address after /a/apps/."),
    }


def steps(state: State) -> list[Step]:
    """The way from nothing to an agent who sees orders, for this kind."""
    makers: dict[str, Callable[[State], list[Step]]] = {
        "zendesk": _zendesk,
        "front": _front,
        "helpscout": _helpscout,
        "chatwoot": _chatwoot,
        "reamaze": _reamaze,
        "intercom": _intercom,
        "generic": _generic,
    }
    return [*makers.get(state.helpdesk.kind, _generic)(state), *_last(state)]


def _zendesk(state: State) -> list[Step]:
    return [
        Step(title=_("Name your Zendesk"), settings=("subdomain",)),
        Step(
            title=_("Upload the app"),
            text=_(
                "In Zendesk: Admin Center, Apps and integrations, Zendesk Support apps, Upload private app. "
                "Upload this file:"
            ),
            shows="zip",
        ),
        Step(
            title=_("Prove that it is Zendesk who calls"),
            text=_(
                "Enter the ids of the installed app and its public key. As a Zendesk admin, open "
                "/api/v2/apps/APP-ID/public_key.pem at your Zendesk address and paste what it shows."
            ),
            settings=("app_id", "installation_id", "public_key"),
            checks=_proof(state),
        ),
        _matching(state),
    ]


def _front(state: State) -> list[Step]:
    return [
        Step(
            title=_("Make a plug-in in Front"),
            text=_(
                "In Front: Settings, Developers, Create app, add the feature “Plugin”. As its address enter:"
            ),
            shows="address",
        ),
        Step(
            title=_("Prove that it is your Front who calls"),
            text=_("Copy the auth secret that Front shows for the app."),
            settings=("auth_secret",),
            checks=_proof(state),
        ),
        _pairing(),
    ]


def _helpscout(state: State) -> list[Step]:
    return [
        Step(
            title=_("Make an app in Help Scout"),
            text=_("In Help Scout: Manage, Apps, Build a custom app. As the callback address enter:"),
            shows="address",
        ),
        Step(
            title=_("Give both sides the same secret"),
            text=_(
                "Enter the secret that you were shown when you added this helpdesk, or set another one here."
            ),
            settings=("secret",),
            checks=_proof(state),
        ),
        _matching(state),
    ]


def _chatwoot(state: State) -> list[Step]:
    return [
        Step(
            title=_("Add a dashboard app"),
            text=_("In Chatwoot: Settings, Integrations, Dashboard apps, Add. As its address enter:"),
            shows="address",
        ),
        Step(
            title=_("Let us confirm the customer"),
            text=_(
                "Chatwoot signs nothing, so what it shows could be typed by anybody. With an access token "
                "we ask Chatwoot itself who wrote the conversation."
            ),
            settings=("api_token", "account_id"),
            checks=_proof(state),
        ),
        _pairing(),
    ]


def _reamaze(state: State) -> list[Step]:
    return [
        Step(title=_("Name your Re:amaze"), settings=("brand", "sso_secret")),
        Step(
            title=_("Add a custom module"),
            text=_("In Re:amaze: Settings, Apps, Custom module. As its address enter:"),
            shows="address",
            checks=_proof(state),
        ),
        _matching(state),
    ]


def _intercom(state: State) -> list[Step]:
    return [
        Step(title=_("Name your workspace"), settings=("workspace_id", "client_secret")),
        Step(
            title=_("Add the app to the inbox"),
            text=_(
                "In Intercom’s Developer Hub: your app, Canvas Kit, for teammates. Enter this address as "
                "Initialize and as Submit:"
            ),
            shows="address",
            checks=_proof(state),
        ),
        _matching(state),
    ]


def _generic(state: State) -> list[Step]:
    return [
        Step(
            title=_("Open the sidebar in a frame"),
            text=_("Your desk sends a form by POST with the field “token” to this address, into a frame:"),
            shows="address",
        ),
        Step(
            title=_("Sign each opening"),
            text=_(
                "The token is a JWT, HS256 with the secret you were shown, good for two minutes at most. "
                "It names the desk, the agent, the conversation and the customer."
            ),
            settings=("secret",),
            checks=_proof(state),
        ),
        _matching(state),
    ]


def _proof(state: State) -> tuple[Check, ...]:
    """Whether a call was proven, in the vendor's own way."""
    if state.refusal:
        return (Check(False, state.refusal),)
    opened = state.helpdesk.last_opened_at
    if opened is None:
        return (Check(None, _("Waiting for the first call that proves itself.")),)
    return (Check(True, _("A call proved itself at %(when)s.", when=when(opened))),)


def _matching(state: State) -> Step:
    found = len(state.matched)
    text = _("%(found)s of %(all)s agents found by their e-mail address.", found=found, all=state.enabled)
    return Step(
        title=_("Match your agents"),
        text=_(
            "Each one is found at their first signed call, by the address they have under Agents. "
            "Reading needs a match; money needs a match and a signed call."
        ),
        checks=(Check(found > 0 or None, text),),
    )


def _pairing() -> Step:
    return Step(
        title=_("Agents pair once"),
        text=_(
            "This helpdesk does not prove who its agents are. At the first refund the sidebar shows a code; "
            "the agent confirms it here, signed in. Nothing to set up."
        ),
    )


def _last(state: State) -> list[Step]:
    opened = state.helpdesk.last_opened_at
    seen = (
        Check(True, _("Opened last at %(when)s.", when=when(opened)))
        if opened
        else Check(None, _("Waiting for the first opening."))
    )
    return [
        Step(
            title=_("Open a conversation"),
            text=_("Any conversation of a customer who has bought something."),
            checks=(seen,),
        )
    ]


def refusals() -> dict[str, str]:
    """Why a call was refused, and what to do; by the code of the error."""
    return {
        "forged": _(
            "The signature does not fit. The secret or key here belongs to another app: copy it again."
        ),
        "expired": _("The proof was too old when it came. Check the clock of the server."),
        "forbidden": _("The call named somebody who has no access here. Look under Agents."),
        "access_ended": _("The call named an agent who was disabled."),
        "bad_input": _(
            "The call came without its proof. Enter the address again, exactly as it stands here."
        ),
    }
