"""A WooCommerce store to start at home: REST v3, the wc-auth flow and signed webhooks, over real HTTP.

It behaves like the store that our recordings were made with (WooCommerce 10.2.4, HPOS, Europe/Tallinn, EUR,
prices without tax), faults included. `python -m connectors.demo.woocommerce --help` starts it.
"""

from connectors.demo.woocommerce.server import DemoWooCommerce

__all__ = ["DemoWooCommerce"]
