"""What a process tells about itself: structured logs with a request or job id, and metrics.

Logs carry ids and codes, never bodies, e-mails or tokens.
"""

from __future__ import annotations

import contextvars
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import msgspec
from prometheus_client import Counter, Histogram

JOBS = Counter("deskside_jobs_total", "Jobs by name and outcome", ["name", "outcome"])
JOB_SECONDS = Histogram("deskside_job_seconds", "Time a job took", ["name"])
WEBHOOKS = Counter(
    "deskside_webhooks_total", "Webhook deliveries by platform and answer", ["platform", "answer"]
)

_context: contextvars.ContextVar[dict[str, str] | None] = contextvars.ContextVar("context", default=None)

SECRET = re.compile(
    r"(?i)((?:access_token|refresh_token|client_secret|consumer_secret|consumer_key|auth_secret|"
    r"X-HelpScout-Signature|hmac|token|id_token|code|oauth_signature)=)[^&\s\"']+"
)
"""Proofs and secrets that travel in addresses; they are cut out of every line."""
DETAIL = re.compile(r"(?m)^(DETAIL: ).*$")
"""Where Postgres names the values of a row that it refused."""


def clean(text: str) -> str:
    """What may be written down of a message or trace."""
    return DETAIL.sub(r"\1…", SECRET.sub(r"\1…", text))


@contextmanager
def job(job_id: str, name: str) -> Iterator[None]:
    """Everything logged inside carries the job."""
    token = _context.set({"job_id": job_id, "job": name})
    try:
        yield
    finally:
        _context.reset(token)


@contextmanager
def request(request_id: str) -> Iterator[None]:
    """Everything logged inside carries the request."""
    token = _context.set({"request_id": request_id})
    try:
        yield
    finally:
        _context.reset(token)


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        where = " ".join(f"{key}={value}" for key, value in (_context.get() or {}).items())
        stamp = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = f"{stamp} {record.levelname:<7} {record.name}: {record.getMessage()}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return clean(f"{line} [{where}]" if where else line)


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "at": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": clean(record.getMessage()),
            **(_context.get() or {}),
        }
        if record.exc_info:
            entry["trace"] = clean(self.formatException(record.exc_info))
        return msgspec.json.encode(entry).decode()


def set_up_logging(level: str, form: str) -> None:
    """Send everything to stderr in one form. Libraries that would log bodies or addresses are hushed."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if form == "json" else _Text())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in (
        "httpx",
        "httpcore",
        "urllib3",
        "rq.worker",
        "rq.cron",
        "werkzeug",
        "shopify_app",
        "alembic",
    ):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, logging.getLogger().level))
