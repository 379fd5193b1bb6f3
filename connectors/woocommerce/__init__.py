"""WooCommerce stores: their REST API `wc/v3`, their webhooks, their installation."""
