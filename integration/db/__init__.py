"""Tables, one module for what changes together. Importing this package knows them all."""

from integration.db import (  # noqa: F401 - imported so that Base.metadata is whole
    accounts,
    actions,
    audit,
    customers,
    helpdesks,
    inbox,
    orders,
    policies,
    stores,
)
from integration.db.base import AccountRow, Base

__all__ = ["AccountRow", "Base"]
