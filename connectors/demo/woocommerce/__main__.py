"""`python -m connectors.demo.woocommerce --port 9200 --data DIR`: run the demo shop until told to stop."""

from __future__ import annotations

import argparse
import logging
import signal
import threading
from pathlib import Path

from connectors.demo.woocommerce.server import DemoWooCommerce


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m connectors.demo.woocommerce", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9200)
    parser.add_argument("--data", type=Path, required=True, help="where the shop keeps its database")
    parser.add_argument("--orders", type=int, default=300, help="how many orders a new shop has")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--live", type=float, metavar="SECONDS", help="something happens every so often")
    parser.add_argument("--allow-http", action="store_true", help="take callback addresses on plain http")
    parser.add_argument("--control", default="", metavar="TOKEN", help="open the control plane for tests")
    parser.add_argument("--number-prefix", default="L-", help="what a numbering plugin puts before order ids")
    parser.add_argument("--webhook-pause", type=float, default=0.5, metavar="SECONDS")
    asked = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    store = DemoWooCommerce(
        asked.data,
        asked.port,
        host=asked.host,
        orders=asked.orders,
        seed=asked.seed,
        live=asked.live,
        allow_http=asked.allow_http,
        control=asked.control,
        number_prefix=asked.number_prefix,
        webhook_pause=asked.webhook_pause,
    )
    over = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: over.set())
    store.start()
    print(f"WooCommerce demo store: {store.url}", flush=True)  # what the starter waits for
    over.wait()
    store.stop()


if __name__ == "__main__":
    main()
