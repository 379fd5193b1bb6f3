"""A worker of the chaos runs: the product's own, in a life where hours are seconds."""

from __future__ import annotations

from datetime import timedelta

from connectors import transport
from connectors.shopify import client as shopify_client  # noqa: F401 - loaded once, by the fork server
from connectors.woocommerce import client as woocommerce_client  # noqa: F401
from connectors.woocommerce import reads
from integration import inbox, syncing
from integration.settings import Settings
from jobs import boot, queues, run
from jobs import sync as copying


def work(settings: Settings) -> None:
    """Work until killed."""
    syncing.HOLD = inbox.HOLD = syncing.PROOF_HOLD = timedelta(seconds=2)
    reads.SETTLING = timedelta(0)
    copying.SLICE_SECONDS = 3.0
    copying.LOOKS_A_TURN = 1000
    transport.Circuit.__init__.__kwdefaults__.update(rest=0.3, longest=1.0)
    run.work(boot.boot(settings), queues.ALL)
