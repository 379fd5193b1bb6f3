"""The merchant's own pages: one module a page, all on one blueprint."""

from sidebar.admin import (
    actions,
    agents,
    approvals,
    audit,
    helpdesks,
    pair,
    policy,
    replies,
    settings,
    shopify_home,
    signin,
    step_up,
    stores,
    whatif,
    withdrawals,
    you,
)
from sidebar.admin.frame import bp
from sidebar.admin.guard import signed_in

__all__ = [
    "actions",
    "agents",
    "approvals",
    "audit",
    "bp",
    "helpdesks",
    "pair",
    "policy",
    "replies",
    "settings",
    "shopify_home",
    "signed_in",
    "signin",
    "step_up",
    "stores",
    "whatif",
    "withdrawals",
    "you",
]
