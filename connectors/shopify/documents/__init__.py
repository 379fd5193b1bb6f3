"""The GraphQL documents, one operation a file, read once."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def text(name: str) -> str:
    """The document `name` (its file name without ending), comments stripped."""
    source = (files(__name__) / f"{name}.graphql").read_text(encoding="utf-8")
    lines = (line for line in source.splitlines() if not line.lstrip().startswith("#"))
    return "\n".join(line for line in lines if line.strip())
