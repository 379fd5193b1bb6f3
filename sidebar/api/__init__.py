"""The JSON API, `/api/v1`: the same product for programs. Every call but its description needs a token.

callers.py     who calls, and how often they may
arguments.py   query strings and bodies, read strictly
paging.py      pages that stay stable while the data changes
reading.py     stores, customers, orders, eligibility, audit
acting.py      refunds and the other actions, and decisions about them
withdrawing.py withdrawal statements
described.py   the OpenAPI document, generated from the routes and the shapes
"""

from sidebar.api import acting, described, reading, withdrawing
from sidebar.api.calls import bp

__all__ = ["acting", "bp", "described", "reading", "withdrawing"]
