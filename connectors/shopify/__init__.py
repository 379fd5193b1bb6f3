"""The Shopify connector: :class:`client.ShopifyStore` speaks Admin GraphQL, the rest is pure."""
