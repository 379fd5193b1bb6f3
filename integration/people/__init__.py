"""Who works for an account, and how they prove it.

agents       who they are, what they may, and the end of it
invitations  the one-time address by which a person becomes able to sign in
passwords    argon2id
totp         codes from an authenticator app, each good once
passkeys     WebAuthn
sessions     signed-in browsers
links        one-time addresses from a store's own admin
tokens       Bearer tokens for programs
"""

from integration.people.agents import (
    add_agent,
    agent_by_email,
    change_agent,
    disable_agent,
    enable_agent,
    find_agent,
    list_agents,
    names_of,
)
from integration.people.invitations import Invited, find_invitation, invite, take_invitation
from integration.people.links import agent_from_store, make_link, use_link
from integration.people.sessions import SignedIn
from integration.people.tokens import authenticate_token, create_token, list_tokens, revoke_token

__all__ = [
    "Invited",
    "SignedIn",
    "add_agent",
    "agent_by_email",
    "agent_from_store",
    "authenticate_token",
    "change_agent",
    "create_token",
    "disable_agent",
    "enable_agent",
    "find_agent",
    "find_invitation",
    "invite",
    "list_agents",
    "list_tokens",
    "make_link",
    "names_of",
    "revoke_token",
    "take_invitation",
    "use_link",
]
