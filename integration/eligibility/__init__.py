"""May it be returned, until when, what goes back, and why: facts, policy and law in, verdict out.

Pure: no clock, no database, no network. This is engineering data, not legal advice.

    facts.py       what is known about an order and a request
    categories.py  kinds of goods that law or policy may except
    policy.py      the store's terms, in versions
    law/           statutory floors as cited data
    rights.py      the law towards one line; windows.py: the policy towards it
    refund.py      the sum; tenders.py: over means of payment; paydates.py: until when
    engine.py      judge(), and rule() where nobody asks why
    explain.py     text and JSON; messages.py: the words
    check.py       cases in files (caseform.py, fields.py); whatif.py: two policies side by side
"""

from integration.eligibility.engine import Ruling, judge, rule
from integration.eligibility.facts import (
    Buyer,
    Kind,
    LineFacts,
    OrderFacts,
    Request,
    ReturnReason,
    Shipping,
    Tender,
)
from integration.eligibility.policy import DEFAULT_POLICY, Bound, Policy, PolicyBook, Rule, Scope
from integration.eligibility.verdict import Basis, LineVerdict, Outcome, RefundSum, Verdicts, confirm

__all__ = [
    "DEFAULT_POLICY",
    "Basis",
    "Bound",
    "Buyer",
    "Kind",
    "LineFacts",
    "LineVerdict",
    "OrderFacts",
    "Outcome",
    "Policy",
    "PolicyBook",
    "RefundSum",
    "Request",
    "ReturnReason",
    "Rule",
    "Ruling",
    "Scope",
    "Shipping",
    "Tender",
    "Verdicts",
    "confirm",
    "judge",
    "rule",
]
