"""`shopify.app.toml`, written from the settings: what Shopify's CLI deploys for all shops at once."""

from __future__ import annotations

import json

from connectors.shopify.subscriptions import COMPLIANCE_TOPICS, TOPICS, grants
from integration.settings import Settings

WEBHOOKS = "/webhooks/shopify"


def toml(settings: Settings) -> str:
    """The whole file. Topics whose scope the app does not ask for are left out: they cannot be deployed."""
    scopes = frozenset(scope.strip() for scope in settings.shopify_scopes.split(",") if scope.strip())
    topics = [topic for topic, scope in TOPICS.items() if not scope or grants(scopes, scope)]
    lines = [
        "# Written by `integration build shopify-app`. Deploy with `shopify app deploy`.",
        f"client_id = {_text(settings.shopify_api_key)}",
        'name = "Deskside"',
        'handle = "deskside"',
        f"application_url = {_text(settings.app_url + '/shopify/app')}",
        "embedded = true",
        "",
        "[access_scopes]",
        f"scopes = {_text(','.join(sorted(scopes)))}",
        "",
        "[auth]",
        f"redirect_urls = [{_text(settings.app_url + '/shopify/callback')}]",
        "",
        "[webhooks]",
        f"api_version = {_text(settings.shopify_api_version)}",
        *_subscription("topics", topics, settings),
        *_subscription("compliance_topics", COMPLIANCE_TOPICS, settings),
    ]
    return "\n".join(lines) + "\n"


def _subscription(key: str, topics: list[str] | tuple[str, ...], settings: Settings) -> list[str]:
    """Full address: a relative one would hang under the app's own page."""
    return [
        "",
        "[[webhooks.subscriptions]]",
        f"{key} = [",
        *(f"  {_text(topic)}," for topic in topics),
        "]",
        f"uri = {_text(settings.app_url + WEBHOOKS)}",
    ]


def _text(value: str) -> str:
    """A TOML basic string: JSON's escapes are among its own."""
    return json.dumps(value, ensure_ascii=False)
