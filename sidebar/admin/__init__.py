"""The merchant's own pages: one module a page, all on one blueprint."""

from sidebar.admin import actions, agents, approvals, signin, stores, you
from sidebar.admin.frame import bp

__all__ = ["actions", "agents", "approvals", "bp", "signin", "stores", "you"]
