"""`python -m connectors.demo.shopify`: the store as a process of its own."""

from __future__ import annotations

import argparse
import signal
import threading
from pathlib import Path

from connectors.demo.shopify import Conduct, DemoShopify
from connectors.demo.shopify.store import SHOP


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m connectors.demo.shopify", description=__doc__)
    usual = Conduct()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9100)
    parser.add_argument("--data", type=Path, required=True, help="folder for what the store keeps")
    parser.add_argument("--client-id", required=True)
    parser.add_argument("--client-secret", required=True)
    parser.add_argument("--shop", action="append", help=f"shop domain, may be repeated (default {SHOP})")
    parser.add_argument("--orders", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--live", type=float, default=0.0, help="seconds between events; 0 for none")
    parser.add_argument("--app-url", help="where the app lives; webhooks and redirects go there")
    parser.add_argument("--control", help="token for /__control__/")
    parser.add_argument("--bucket", type=float, default=usual.bucket, help="size of the cost bucket")
    parser.add_argument("--restore", type=float, default=usual.restore, help="points restored a second")
    parser.add_argument("--prerender", action="store_true", help="keep bulk results ready, for benchmarks")
    given = parser.parse_args()
    store = DemoShopify(
        given.data,
        given.port,
        host=given.host,
        client_id=given.client_id,
        client_secret=given.client_secret,
        shops=given.shop or (SHOP,),
        orders=given.orders,
        seed=given.seed,
        live=given.live,
        app_url=given.app_url,
        control_token=given.control,
        conduct=Conduct(bucket=given.bucket, restore=given.restore, prerender=given.prerender),
    )
    done = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    store.start()
    print(f"Shopify-like demo store on {store.origin_template}", flush=True)
    done.wait()
    store.stop()


if __name__ == "__main__":
    main()
