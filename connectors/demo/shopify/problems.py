"""Refusals that the Admin API reports inside its answer."""

from __future__ import annotations


class Problem(Exception):
    """A user error: the field it is about (empty for none), what is wrong, a code where the type has one."""

    def __init__(self, field: str, message: str, code: str = "INVALID") -> None:
        super().__init__(message)
        self.field = field.split(".") if field else []
        self.message = message
        self.code = code
