"""The environment, read once and checked whole. Names are those of the README's table."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import SplitResult, urlsplit

from cryptography.fernet import Fernet
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from integration.errors import SettingsError

DEFAULT_SCOPES = (
    "read_orders,read_all_orders,read_returns,read_customers,read_fulfillments,read_products,"
    "write_orders,write_returns,read_store_credit_accounts,write_store_credit_account_transactions"
)
"""The least set that the features need. Source: shopify.dev, "Access scopes"."""

DRIVERS = ("sqlite", "sqlite+pysqlite", "postgresql+psycopg")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    app_url: str
    """Public base address of this app, no trailing slash."""
    secret_key: str
    encryption_keys: tuple[str, ...]
    """Fernet keys, newest first: the first one seals, any of them opens."""
    database_url: str
    redis_url: str
    data_dir: Path
    shopify_api_key: str = ""
    shopify_secrets: tuple[str, ...] = ()
    """The app's secret, then the old one while it is being rotated out."""
    shopify_api_version: str = "2026-10"
    shopify_scopes: str = DEFAULT_SCOPES
    shopify_origin: str = "https://{shop}"
    allow_http_stores: bool = False
    port: int = 8000
    web_concurrency: int = 2
    trusted_proxies: int = 1
    """How many proxies in front are believed on who asks; 0 where anybody may reach the port itself."""
    log_level: str = "INFO"
    log_format: str = "text"

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> Self:
        """Read every setting, or name the first wrong one in one line. Touches nothing else."""
        required = ("APP_URL", "SECRET_KEY", "ENCRYPTION_KEYS")
        if missing := [name for name in required if not env.get(name, "").strip()]:
            raise SettingsError(f"not set: {', '.join(missing)} (see README, Configuration)")
        data_dir = _data_dir(env.get("DATA_DIR") or "instance")
        for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
            _certificates(name, env.get(name, ""))
        return cls(
            app_url=_app_url(env["APP_URL"]),
            secret_key=_secret_key(env["SECRET_KEY"]),
            encryption_keys=_encryption_keys(env["ENCRYPTION_KEYS"]),
            database_url=_database_url(env.get("DATABASE_URL") or f"sqlite:///{data_dir}/deskside.sqlite3"),
            redis_url=_redis_url(env.get("REDIS_URL") or f"unix://{embedded_socket(data_dir)}"),
            data_dir=data_dir,
            shopify_api_key=env.get("SHOPIFY_API_KEY", "").strip(),
            shopify_secrets=_shopify_secrets(
                env.get("SHOPIFY_API_SECRET", "").strip(), env.get("SHOPIFY_OLD_API_SECRET", "").strip()
            ),
            shopify_api_version=_version(env.get("SHOPIFY_API_VERSION") or "2026-10"),
            shopify_scopes=_scopes(env.get("SHOPIFY_SCOPES", "")),
            shopify_origin=_origin(env.get("SHOPIFY_ORIGIN") or "https://{shop}"),
            allow_http_stores=_switch("ALLOW_HTTP_STORES", env.get("ALLOW_HTTP_STORES", "")),
            port=port_of(env),
            web_concurrency=_number("WEB_CONCURRENCY", env.get("WEB_CONCURRENCY") or "2", 1, 256),
            trusted_proxies=_number("TRUSTED_PROXIES", env.get("TRUSTED_PROXIES") or "1", 0, 9),
            log_level=_choice(
                "LOG_LEVEL",
                (env.get("LOG_LEVEL") or "INFO").upper(),
                ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
            ),
            log_format=_choice("LOG_FORMAT", (env.get("LOG_FORMAT") or "text").lower(), ("text", "json")),
        )

    @property
    def uses_sqlite(self) -> bool:
        return self.database_url.startswith("sqlite")


def port_of(env: Mapping[str, str]) -> int:
    """The only setting that the demo takes from outside before it has made the others."""
    return _number("PORT", env.get("PORT") or "8000", 1, 65535)


def embedded_socket(data_dir: Path) -> Path:
    """Where the embedded server listens. A socket's address has room for about 100 bytes only."""
    path = data_dir / "redis.sock"
    if len(bytes(path)) <= 100:
        return path
    name = hashlib.sha256(bytes(path)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"deskside-{name}.sock"


def _app_url(text: str) -> str:
    url = text.strip().rstrip("/")
    parts = _address(url)
    plain = parts is not None and parts.hostname and not (parts.username or parts.query or parts.fragment)
    if parts is None or parts.scheme not in ("http", "https") or not plain:
        raise SettingsError("APP_URL: want an address such as https://desk.example.com")
    return url


def _address(text: str) -> SplitResult | None:
    """The parts of an address; None when it has a port that is no number, blanks, or the like."""
    if not text.isprintable() or " " in text:
        return None
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - raises
    except ValueError:
        return None
    return parts


def _data_dir(text: str) -> Path:
    path = Path(text).absolute()
    if path.exists() and not path.is_dir():
        raise SettingsError("DATA_DIR: want a folder")
    return path


def _certificates(name: str, text: str) -> None:
    """Certificate authorities for outgoing calls: libraries read the variable by themselves."""
    if text and not Path(text).exists():
        raise SettingsError(f"{name}: there is no such file")


def _shopify_secrets(secret: str, old: str) -> tuple[str, ...]:
    if old and not secret:
        raise SettingsError("SHOPIFY_OLD_API_SECRET: is of use beside SHOPIFY_API_SECRET only")
    return tuple(filter(None, (secret, old)))


def _secret_key(text: str) -> str:
    if len(text.strip()) < 16:
        raise SettingsError("SECRET_KEY: want at least 16 random characters")
    return text.strip()


def _encryption_keys(text: str) -> tuple[str, ...]:
    keys = tuple(part.strip() for part in text.split(",") if part.strip())
    for number, key in enumerate(keys, 1):
        try:
            Fernet(key)
        except ValueError:
            # `from None`: the cause would carry the key into a traceback.
            raise SettingsError(
                f"ENCRYPTION_KEYS: key {number} is not a Fernet key (32 bytes, url-safe base64)"
            ) from None
    if not keys:
        raise SettingsError("ENCRYPTION_KEYS: want at least one Fernet key")
    return keys


def _database_url(text: str) -> str:
    """`postgres://` and `postgresql://` both mean psycopg 3."""
    for prefix in ("postgres://", "postgresql://"):
        if text.startswith(prefix):
            text = "postgresql+psycopg://" + text.removeprefix(prefix)
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):  # ValueError: a port that is no number
        raise SettingsError("DATABASE_URL: not a SQLAlchemy address") from None
    if url.drivername not in DRIVERS:
        raise SettingsError("DATABASE_URL: want sqlite or postgresql (with psycopg 3)")
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise SettingsError("DATABASE_URL: SQLite wants a file, as in sqlite:////var/lib/deskside.sqlite3")
    return text


def _redis_url(text: str) -> str:
    parts = _address(text)
    if parts is None or parts.scheme not in ("redis", "rediss", "unix"):
        raise SettingsError("REDIS_URL: want redis://, rediss:// or unix://")
    if parts.scheme == "unix" and not parts.path.strip("/"):
        raise SettingsError("REDIS_URL: unix:// wants the path of a socket")
    return text


def _version(text: str) -> str:
    year, _, month = text.partition("-")
    if text == "unstable" or (re.fullmatch(r"[0-9]{4}", year) and month in ("01", "04", "07", "10")):
        return text
    raise SettingsError("SHOPIFY_API_VERSION: want a quarter such as 2026-10")


def _scopes(text: str) -> str:
    scopes = [scope.strip() for scope in text.split(",") if scope.strip()]
    if not all(re.fullmatch(r"[a-z_]+", scope) for scope in scopes):
        raise SettingsError("SHOPIFY_SCOPES: want names with commas, such as read_orders,write_orders")
    return ",".join(scopes) or DEFAULT_SCOPES


def _origin(text: str) -> str:
    try:
        parts = _address(text.format(shop="name.myshopify.com"))
    except (LookupError, ValueError):  # another pair of braces, or half of one
        parts = None
    if parts is None or parts.scheme not in ("https", "http") or "{shop}" not in text:
        raise SettingsError("SHOPIFY_ORIGIN: want an address with {shop} in it, such as https://{shop}")
    return text.rstrip("/")


def _switch(name: str, text: str) -> bool:
    if text.strip().lower() in ("", "0", "no", "off", "false"):
        return False
    if text.strip().lower() in ("1", "yes", "on", "true"):
        return True
    raise SettingsError(f"{name}: want 1 or 0")


def _number(name: str, text: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        raise SettingsError(f"{name}: want a whole number from {least} to {most}")
    return int(text)


def _choice(name: str, text: str, choices: tuple[str, ...]) -> str:
    if text not in choices:
        raise SettingsError(f"{name}: want one of {', '.join(choices)}")
    return text
