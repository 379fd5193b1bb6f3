"""The cache, its people, its promises and its record"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("id", BIG, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__account")),
    )
    op.create_table(
        "one_time",
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk__one_time")),
    )
    op.create_index(
        op.f("ix__one_time__purpose_expires_at"), "one_time", ["purpose", "expires_at"], unique=False
    )
    op.create_table(
        "agent",
        sa.Column("id", BIG, nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("totp_secret", sa.LargeBinary(), nullable=True),
        sa.Column("totp_last_step", BIG, nullable=True),
        sa.Column("token_version", BIG, nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed_logins", BIG, nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("limits", sa.JSON(), nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk__agent__account_id__account"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__agent")),
        sa.UniqueConstraint("account_id", "email", name=op.f("uq__agent__account_id_email")),
    )
    op.create_index(op.f("ix__agent__account_id"), "agent", ["account_id"], unique=False)
    op.create_table(
        "api_token",
        sa.Column("id", BIG, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.String(length=40), nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("made_by_id", BIG, nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("account_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk__api_token__account_id__account"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__api_token")),
        sa.UniqueConstraint("token_hash", name=op.f("uq__api_token__token_hash")),
    )
    op.create_index(op.f("ix__api_token__account_id"), "api_token", ["account_id"], unique=False)
    op.create_table(
        "audit_entry",
        sa.Column("id", BIG, nullable=False),
        sa.Column("number", BIG, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("proof", sa.Text(), nullable=False),
        sa.Column("order_id", BIG, nullable=True),
        sa.Column("action_id", BIG, nullable=True),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("personal", sa.JSON(), nullable=True),
        sa.Column("personal_digest", sa.Text(), nullable=False),
        sa.Column("salt", sa.Text(), nullable=True),
        sa.Column("previous", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk__audit_entry__account_id__account"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__audit_entry")),
        sa.UniqueConstraint("account_id", "number", name=op.f("uq__audit_entry__account_id_number")),
    )
    op.create_index(op.f("ix__audit_entry__account_id"), "audit_entry", ["account_id"], unique=False)
    op.create_index(
        op.f("ix__audit_entry__account_id_order_id"), "audit_entry", ["account_id", "order_id"], unique=False
    )
    op.create_table(
        "customer",
        sa.Column("id", BIG, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("merged_into", BIG, nullable=True),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("redacted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("account_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk__customer__account_id__account"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__customer")),
    )
    op.create_index(op.f("ix__customer__account_id"), "customer", ["account_id"], unique=False)
    op.create_index(op.f("ix__customer__merged_into"), "customer", ["merged_into"], unique=False)
    op.create_table(
        "helpdesk",
        sa.Column("id", BIG, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("account_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk__helpdesk__account_id__account"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__helpdesk")),
        sa.UniqueConstraint("key", name=op.f("uq__helpdesk__key")),
    )
    op.create_index(op.f("ix__helpdesk__account_id"), "helpdesk", ["account_id"], unique=False)
    op.create_table(
        "law_confirmation",
        sa.Column("id", BIG, nullable=False),
        sa.Column("law_id", sa.Text(), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("confirmed_by", sa.Text(), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk__law_confirmation__account_id__account"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__law_confirmation")),
        sa.UniqueConstraint(
            "account_id", "law_id", "country", name=op.f("uq__law_confirmation__account_id_law_id_country")
        ),
    )
    op.create_index(
        op.f("ix__law_confirmation__account_id"), "law_confirmation", ["account_id"], unique=False
    )
    op.create_table(
        "policy_version",
        sa.Column("id", BIG, nullable=False),
        sa.Column("number", BIG, nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk__policy_version__account_id__account"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__policy_version")),
        sa.UniqueConstraint("account_id", "number", name=op.f("uq__policy_version__account_id_number")),
    )
    op.create_index(op.f("ix__policy_version__account_id"), "policy_version", ["account_id"], unique=False)
    op.create_table(
        "store",
        sa.Column("id", BIG, nullable=False),
        sa.Column("platform", sa.String(length=40), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=40), nullable=False),
        sa.Column("credentials", sa.LargeBinary(), nullable=True),
        sa.Column("credentials_version", BIG, nullable=False),
        sa.Column("credentials_held_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("webhook_secret", sa.LargeBinary(), nullable=True),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("features", sa.JSON(), nullable=False),
        sa.Column("hand_made", sa.Boolean(), nullable=False),
        sa.Column("installed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disconnected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("th_direct_marketer", sa.Boolean(), nullable=True),
        sa.Column("account_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk__store__account_id__account"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__store")),
        sa.UniqueConstraint("platform", "domain", name=op.f("uq__store__platform_domain")),
    )
    op.create_index(op.f("ix__store__account_id"), "store", ["account_id"], unique=False)
    op.create_table(
        "contact_point",
        sa.Column("id", BIG, nullable=False),
        sa.Column("customer_id", BIG, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("shown", sa.Text(), nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk__contact_point__account_id__account"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customer.id"],
            name=op.f("fk__contact_point__customer_id__customer"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__contact_point")),
        sa.UniqueConstraint(
            "account_id",
            "kind",
            "value",
            "customer_id",
            name=op.f("uq__contact_point__account_id_kind_value_customer_id"),
        ),
    )
    op.create_index(op.f("ix__contact_point__account_id"), "contact_point", ["account_id"], unique=False)
    op.create_index(op.f("ix__contact_point__customer_id"), "contact_point", ["customer_id"], unique=False)
    op.create_table(
        "delivery",
        sa.Column("id", BIG, nullable=False),
        sa.Column("store_id", BIG, nullable=False),
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("topic", sa.String(length=40), nullable=False),
        sa.Column("platform_topic", sa.Text(), nullable=False),
        sa.Column("resource", sa.Text(), nullable=True),
        sa.Column("triggered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("status", sa.String(length=40), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", BIG, nullable=False),
        sa.Column("error", sa.JSON(), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("account_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk__delivery__account_id__account"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["store_id"], ["store.id"], name=op.f("fk__delivery__store_id__store"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__delivery")),
        sa.UniqueConstraint("store_id", "delivery_id", name=op.f("uq__delivery__store_id_delivery_id")),
    )
    op.create_index(op.f("ix__delivery__account_id"), "delivery", ["account_id"], unique=False)
    op.create_index(
        op.f("ix__delivery__store_id_resource"), "delivery", ["store_id", "resource"], unique=False
    )
    op.create_index(
        op.f("ix__delivery__store_id_status_due_at"),
        "delivery",
        ["store_id", "status", "due_at"],
        unique=False,
    )
    op.create_table(
        "helpdesk_agent",
        sa.Column("id", BIG, nullable=False),
        sa.Column("helpdesk_id", BIG, nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("agent_id", BIG, nullable=False),
        sa.Column("linked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("linked_how", sa.Text(), nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk__helpdesk_agent__account_id__account"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["agent_id"], ["agent.id"], name=op.f("fk__helpdesk_agent__agent_id__agent"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["helpdesk_id"],
            ["helpdesk.id"],
            name=op.f("fk__helpdesk_agent__helpdesk_id__helpdesk"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__helpdesk_agent")),
        sa.UniqueConstraint(
            "helpdesk_id", "external_id", name=op.f("uq__helpdesk_agent__helpdesk_id_external_id")
        ),
    )
    op.create_index(op.f("ix__helpdesk_agent__account_id"), "helpdesk_agent", ["account_id"], unique=False)
    op.create_index(op.f("ix__helpdesk_agent__agent_id"), "helpdesk_agent", ["agent_id"], unique=False)
    op.create_table(
        "invitation",
        sa.Column("id", BIG, nullable=False),
        sa.Column("agent_id", BIG, nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("account_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk__invitation__account_id__account"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["agent_id"], ["agent.id"], name=op.f("fk__invitation__agent_id__agent"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__invitation")),
        sa.UniqueConstraint("token_hash", name=op.f("uq__invitation__token_hash")),
    )
    op.create_index(op.f("ix__invitation__account_id"), "invitation", ["account_id"], unique=False)
    op.create_index(op.f("ix__invitation__agent_id"), "invitation", ["agent_id"], unique=False)
    op.create_table(
        "pairing",
        sa.Column("id", BIG, nullable=False),
        sa.Column("helpdesk_id", BIG, nullable=False),
        sa.Column("device_hash", sa.Text(), nullable=False),
        sa.Column("user_code", sa.Text(), nullable=False),
        sa.Column("visit", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("agent_id", BIG, nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("account_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk__pairing__account_id__account"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["helpdesk_id"],
            ["helpdesk.id"],
            name=op.f("fk__pairing__helpdesk_id__helpdesk"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__pairing")),
        sa.UniqueConstraint("device_hash", name=op.f("uq__pairing__device_hash")),
    )
    op.create_index(op.f("ix__pairing__account_id"), "pairing", ["account_id"], unique=False)
    op.create_index(op.f("ix__pairing__user_code"), "pairing", ["user_code"], unique=False)
    op.create_table(
        "passkey",
        sa.Column("id", BIG, nullable=False),
        sa.Column("agent_id", BIG, nullable=False),
        sa.Column("credential_id", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", BIG, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("account_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk__passkey__account_id__account"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["agent_id"], ["agent.id"], name=op.f("fk__passkey__agent_id__agent"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__passkey")),
        sa.UniqueConstraint("credential_id", name=op.f("uq__passkey__credential_id")),
    )
    op.create_index(op.f("ix__passkey__account_id"), "passkey", ["account_id"], unique=False)
    op.create_index(op.f("ix__passkey__agent_id"), "passkey", ["agent_id"], unique=False)
    op.create_table(
        "poison",
        sa.Column("id", BIG, nullable=False),
        sa.Column("store_id", BIG, nullable=False),
        sa.Column("platform_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", BIG, nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk__poison__account_id__account"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["store_id"], ["store.id"], name=op.f("fk__poison__store_id__store"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__poison")),
        sa.UniqueConstraint("store_id", "platform_id", name=op.f("uq__poison__store_id_platform_id")),
    )
    op.create_index(op.f("ix__poison__account_id"), "poison", ["account_id"], unique=False)
    op.create_index(op.f("ix__poison__due_at"), "poison", ["due_at"], unique=False)
    op.create_table(
        "privacy_request",
        sa.Column("id", BIG, nullable=False),
        sa.Column("store_id", BIG, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk__privacy_request__account_id__account"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["store_id"], ["store.id"], name=op.f("fk__privacy_request__store_id__store"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__privacy_request")),
    )
    op.create_index(op.f("ix__privacy_request__account_id"), "privacy_request", ["account_id"], unique=False)
    op.create_table(
        "product",
        sa.Column("id", BIG, nullable=False),
        sa.Column("store_id", BIG, nullable=False),
        sa.Column("platform_id", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("categories", sa.JSON(), nullable=False),
        sa.Column("product_type", sa.Text(), nullable=False),
        sa.Column("downloadable", sa.Boolean(), nullable=False),
        sa.Column("virtual", sa.Boolean(), nullable=False),
        sa.Column("synced_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk__product__account_id__account"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["store_id"], ["store.id"], name=op.f("fk__product__store_id__store"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__product")),
        sa.UniqueConstraint("store_id", "platform_id", name=op.f("uq__product__store_id_platform_id")),
    )
    op.create_index(op.f("ix__product__account_id"), "product", ["account_id"], unique=False)
    op.create_table(
        "sales_order",
        sa.Column("id", BIG, nullable=False),
        sa.Column("store_id", BIG, nullable=False),
        sa.Column("platform_id", sa.Text(), nullable=False),
        sa.Column("customer_id", BIG, nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("synced_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("total", BIG, nullable=False),
        sa.Column("subtotal", BIG, nullable=False),
        sa.Column("shipping", BIG, nullable=False),
        sa.Column("tax", BIG, nullable=False),
        sa.Column("discount", BIG, nullable=False),
        sa.Column("refunded", BIG, nullable=False),
        sa.Column("refundable", BIG, nullable=True),
        sa.Column("tip", BIG, nullable=True),
        sa.Column("shop_total", BIG, nullable=True),
        sa.Column("shop_currency", sa.Text(), nullable=True),
        sa.Column("financial_status", sa.String(length=40), nullable=False),
        sa.Column("fulfillment_status", sa.String(length=40), nullable=False),
        sa.Column("platform_status", sa.Text(), nullable=False),
        sa.Column("return_status", sa.Text(), nullable=False),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_reason", sa.Text(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("promised_ship_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("test", sa.Boolean(), nullable=False),
        sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("edited", sa.Boolean(), nullable=False),
        sa.Column("taxes_included", sa.Boolean(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("locale", sa.Text(), nullable=True),
        sa.Column("customer_record", sa.JSON(), nullable=True),
        sa.Column("shipping_address", sa.JSON(), nullable=True),
        sa.Column("billing_address", sa.JSON(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("discount_codes", sa.JSON(), nullable=False),
        sa.Column("payment_methods", sa.JSON(), nullable=False),
        sa.Column("risk", sa.Text(), nullable=False),
        sa.Column("attributes", sa.JSON(), nullable=False),
        sa.Column("shipping_lines", sa.JSON(), nullable=False),
        sa.Column("redacted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("account_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk__sales_order__account_id__account"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customer.id"],
            name=op.f("fk__sales_order__customer_id__customer"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["store_id"], ["store.id"], name=op.f("fk__sales_order__store_id__store"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__sales_order")),
        sa.UniqueConstraint("store_id", "platform_id", name=op.f("uq__sales_order__store_id_platform_id")),
    )
    op.create_index(op.f("ix__sales_order__account_id"), "sales_order", ["account_id"], unique=False)
    op.create_index(
        op.f("ix__sales_order__account_id_customer_id_placed_at"),
        "sales_order",
        ["account_id", "customer_id", "placed_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix__sales_order__account_id_updated_at_id"),
        "sales_order",
        ["account_id", "updated_at", "id"],
        unique=False,
    )
    op.create_index(op.f("ix__sales_order__customer_id"), "sales_order", ["customer_id"], unique=False)
    op.create_index(
        op.f("ix__sales_order__store_id_placed_at"), "sales_order", ["store_id", "placed_at"], unique=False
    )
    op.create_table(
        "session",
        sa.Column("id", BIG, nullable=False),
        sa.Column("agent_id", BIG, nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("token_version", BIG, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("proven_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk__session__account_id__account"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["agent_id"], ["agent.id"], name=op.f("fk__session__agent_id__agent"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__session")),
        sa.UniqueConstraint("token_hash", name=op.f("uq__session__token_hash")),
    )
    op.create_index(op.f("ix__session__account_id"), "session", ["account_id"], unique=False)
    op.create_index(op.f("ix__session__agent_id"), "session", ["agent_id"], unique=False)
    op.create_table(
        "store_customer",
        sa.Column("id", BIG, nullable=False),
        sa.Column("store_id", BIG, nullable=False),
        sa.Column("platform_id", sa.Text(), nullable=False),
        sa.Column("customer_id", BIG, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk__store_customer__account_id__account"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customer.id"],
            name=op.f("fk__store_customer__customer_id__customer"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["store_id"], ["store.id"], name=op.f("fk__store_customer__store_id__store"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__store_customer")),
        sa.UniqueConstraint("store_id", "platform_id", name=op.f("uq__store_customer__store_id_platform_id")),
    )
    op.create_index(op.f("ix__store_customer__account_id"), "store_customer", ["account_id"], unique=False)
    op.create_index(op.f("ix__store_customer__customer_id"), "store_customer", ["customer_id"], unique=False)
    op.create_table(
        "sync_state",
        sa.Column("store_id", BIG, nullable=False),
        sa.Column("phase", sa.String(length=40), nullable=False),
        sa.Column("cursor", sa.JSON(), nullable=False),
        sa.Column("done", BIG, nullable=False),
        sa.Column("total", BIG, nullable=True),
        sa.Column("backfill_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("backfill_started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("backfilled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("changed_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("changed_cursor", sa.JSON(), nullable=False),
        sa.Column("changed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("held_by", sa.Text(), nullable=True),
        sa.Column("proof_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("proof", sa.JSON(), nullable=False),
        sa.Column("probe_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("behind_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("webhooks_checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_event_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_reconciled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("oldest_order_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failures", BIG, nullable=False),
        sa.Column("error", sa.JSON(), nullable=True),
        sa.Column("account_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk__sync_state__account_id__account"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["store_id"], ["store.id"], name=op.f("fk__sync_state__store_id__store"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("store_id", name=op.f("pk__sync_state")),
    )
    op.create_index(op.f("ix__sync_state__account_id"), "sync_state", ["account_id"], unique=False)
    op.create_index(op.f("ix__sync_state__due_at"), "sync_state", ["due_at"], unique=False)
    op.create_index(op.f("ix__sync_state__probe_due_at"), "sync_state", ["probe_due_at"], unique=False)
    op.create_index(op.f("ix__sync_state__proof_due_at"), "sync_state", ["proof_due_at"], unique=False)
    op.create_table(
        "tombstone",
        sa.Column("id", BIG, nullable=False),
        sa.Column("store_id", BIG, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk__tombstone__account_id__account"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["store_id"], ["store.id"], name=op.f("fk__tombstone__store_id__store"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__tombstone")),
        sa.UniqueConstraint("store_id", "kind", "digest", name=op.f("uq__tombstone__store_id_kind_digest")),
    )
    op.create_index(op.f("ix__tombstone__account_id"), "tombstone", ["account_id"], unique=False)
    op.create_table(
        "action",
        sa.Column("id", BIG, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("body_hash", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("store_id", BIG, nullable=False),
        sa.Column("order_id", BIG, nullable=False),
        sa.Column("status", sa.String(length=40), nullable=False),
        sa.Column("amount", BIG, nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("wish", sa.JSON(), nullable=False),
        sa.Column("request", sa.JSON(), nullable=True),
        sa.Column("prepared", sa.Text(), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("order_version", sa.Text(), nullable=False),
        sa.Column("verdict", sa.JSON(), nullable=False),
        sa.Column("exception", sa.Text(), nullable=True),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("requested_by_id", BIG, nullable=True),
        sa.Column("person_id", BIG, nullable=True),
        sa.Column("requested_role", sa.Text(), nullable=False),
        sa.Column("assurance", sa.JSON(), nullable=False),
        sa.Column("conversation", sa.JSON(), nullable=True),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.Column("approved_by_id", BIG, nullable=True),
        sa.Column("decision_note", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("hold", sa.Text(), nullable=True),
        sa.Column("attempts", BIG, nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("platform_id", sa.Text(), nullable=True),
        sa.Column("receipt", sa.JSON(), nullable=True),
        sa.Column("error", sa.JSON(), nullable=True),
        sa.Column("account_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk__action__account_id__account"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["order_id"], ["sales_order.id"], name=op.f("fk__action__order_id__sales_order")
        ),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk__action__store_id__store")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__action")),
        sa.UniqueConstraint(
            "account_id",
            "caller",
            "idempotency_key",
            name=op.f("uq__action__account_id_caller_idempotency_key"),
        ),
        sa.UniqueConstraint("key", name=op.f("uq__action__key")),
    )
    op.create_index(op.f("ix__action__account_id"), "action", ["account_id"], unique=False)
    op.create_index(
        op.f("ix__action__account_id_order_id"), "action", ["account_id", "order_id"], unique=False
    )
    op.create_index(op.f("ix__action__status_due_at"), "action", ["status", "due_at"], unique=False)
    op.create_table(
        "contact",
        sa.Column("id", BIG, nullable=False),
        sa.Column("customer_id", BIG, nullable=False),
        sa.Column("order_id", BIG, nullable=True),
        sa.Column("helpdesk", sa.Text(), nullable=False),
        sa.Column("conversation", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("asked", sa.Text(), nullable=False),
        sa.Column("promised", sa.Text(), nullable=False),
        sa.Column("promised_by", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done", sa.Text(), nullable=False),
        sa.Column("open", sa.Text(), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("account_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk__contact__account_id__account"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customer.id"],
            name=op.f("fk__contact__customer_id__customer"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["order_id"],
            ["sales_order.id"],
            name=op.f("fk__contact__order_id__sales_order"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__contact")),
    )
    op.create_index(op.f("ix__contact__account_id"), "contact", ["account_id"], unique=False)
    op.create_index(
        op.f("ix__contact__account_id_customer_id_at"),
        "contact",
        ["account_id", "customer_id", "at"],
        unique=False,
    )
    op.create_table(
        "fact",
        sa.Column("id", BIG, nullable=False),
        sa.Column("order_id", BIG, nullable=False),
        sa.Column("line_id", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("said_by", sa.Text(), nullable=False),
        sa.Column("conversation", sa.Text(), nullable=True),
        sa.Column("account_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk__fact__account_id__account"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["order_id"], ["sales_order.id"], name=op.f("fk__fact__order_id__sales_order"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__fact")),
    )
    op.create_index(op.f("ix__fact__account_id"), "fact", ["account_id"], unique=False)
    op.create_index(op.f("ix__fact__account_id_order_id"), "fact", ["account_id", "order_id"], unique=False)
    op.create_table(
        "fulfillment",
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("shipment_status", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("shipped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivered_source", sa.Text(), nullable=True),
        sa.Column("estimated_delivery_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tracking", sa.JSON(), nullable=False),
        sa.Column("lines", sa.JSON(), nullable=False),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("order_id", BIG, nullable=False),
        sa.Column("platform_id", sa.Text(), nullable=False),
        sa.Column("position", BIG, nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk__fulfillment__account_id__account"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["order_id"],
            ["sales_order.id"],
            name=op.f("fk__fulfillment__order_id__sales_order"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("order_id", "platform_id", name=op.f("pk__fulfillment")),
    )
    op.create_index(op.f("ix__fulfillment__account_id"), "fulfillment", ["account_id"], unique=False)
    op.create_table(
        "order_key",
        sa.Column("order_id", BIG, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk__order_key__account_id__account"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["order_id"],
            ["sales_order.id"],
            name=op.f("fk__order_key__order_id__sales_order"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("order_id", "kind", "value", name=op.f("pk__order_key")),
    )
    op.create_index(op.f("ix__order_key__account_id"), "order_key", ["account_id"], unique=False)
    op.create_index(
        op.f("ix__order_key__account_id_value"), "order_key", ["account_id", "value"], unique=False
    )
    op.create_table(
        "order_line",
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("variant_title", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("vendor", sa.Text(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=True),
        sa.Column("variant_id", sa.Text(), nullable=True),
        sa.Column("image_url", sa.Text(), nullable=True),
        sa.Column("quantity", BIG, nullable=False),
        sa.Column("current_quantity", BIG, nullable=False),
        sa.Column("refundable_quantity", BIG, nullable=False),
        sa.Column("unit_price", BIG, nullable=False),
        sa.Column("total", BIG, nullable=False),
        sa.Column("tax", BIG, nullable=False),
        sa.Column("taxes", sa.JSON(), nullable=False),
        sa.Column("requires_shipping", sa.Boolean(), nullable=False),
        sa.Column("is_gift_card", sa.Boolean(), nullable=False),
        sa.Column("properties", sa.JSON(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("order_id", BIG, nullable=False),
        sa.Column("platform_id", sa.Text(), nullable=False),
        sa.Column("position", BIG, nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk__order_line__account_id__account"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["order_id"],
            ["sales_order.id"],
            name=op.f("fk__order_line__order_id__sales_order"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("order_id", "platform_id", name=op.f("pk__order_line")),
    )
    op.create_index(op.f("ix__order_line__account_id"), "order_line", ["account_id"], unique=False)
    op.create_table(
        "order_return",
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decline_reason", sa.Text(), nullable=False),
        sa.Column("lines", sa.JSON(), nullable=False),
        sa.Column("order_id", BIG, nullable=False),
        sa.Column("platform_id", sa.Text(), nullable=False),
        sa.Column("position", BIG, nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk__order_return__account_id__account"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["order_id"],
            ["sales_order.id"],
            name=op.f("fk__order_return__order_id__sales_order"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("order_id", "platform_id", name=op.f("pk__order_return")),
    )
    op.create_index(op.f("ix__order_return__account_id"), "order_return", ["account_id"], unique=False)
    op.create_table(
        "payment_transaction",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("amount", BIG, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("gateway", sa.Text(), nullable=False),
        sa.Column("gateway_title", sa.Text(), nullable=False),
        sa.Column("manual", sa.Boolean(), nullable=False),
        sa.Column("parent_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("order_id", BIG, nullable=False),
        sa.Column("platform_id", sa.Text(), nullable=False),
        sa.Column("position", BIG, nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk__payment_transaction__account_id__account"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["order_id"],
            ["sales_order.id"],
            name=op.f("fk__payment_transaction__order_id__sales_order"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("order_id", "platform_id", name=op.f("pk__payment_transaction")),
    )
    op.create_index(
        op.f("ix__payment_transaction__account_id"), "payment_transaction", ["account_id"], unique=False
    )
    op.create_table(
        "refund",
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("amount", BIG, nullable=False),
        sa.Column("shipping", BIG, nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("marker", sa.Text(), nullable=False),
        sa.Column("return_id", sa.Text(), nullable=True),
        sa.Column("paid_back", sa.Boolean(), nullable=True),
        sa.Column("lines", sa.JSON(), nullable=False),
        sa.Column("order_id", BIG, nullable=False),
        sa.Column("platform_id", sa.Text(), nullable=False),
        sa.Column("position", BIG, nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk__refund__account_id__account"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["order_id"],
            ["sales_order.id"],
            name=op.f("fk__refund__order_id__sales_order"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("order_id", "platform_id", name=op.f("pk__refund")),
    )
    op.create_index(op.f("ix__refund__account_id"), "refund", ["account_id"], unique=False)
    op.create_table(
        "withdrawal",
        sa.Column("id", BIG, nullable=False),
        sa.Column("order_id", BIG, nullable=False),
        sa.Column("lines", sa.JSON(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_how", sa.Text(), nullable=False),
        sa.Column("proof_at", sa.Date(), nullable=True),
        sa.Column("goods_at", sa.Date(), nullable=True),
        sa.Column("refund_due", sa.Date(), nullable=True),
        sa.Column("return_due", sa.Date(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("conversation", sa.Text(), nullable=True),
        sa.Column("account_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk__withdrawal__account_id__account"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["order_id"],
            ["sales_order.id"],
            name=op.f("fk__withdrawal__order_id__sales_order"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk__withdrawal")),
    )
    op.create_index(op.f("ix__withdrawal__account_id"), "withdrawal", ["account_id"], unique=False)
    op.create_index(
        op.f("ix__withdrawal__account_id_order_id"), "withdrawal", ["account_id", "order_id"], unique=False
    )


def downgrade() -> None:
    op.drop_index(op.f("ix__withdrawal__account_id_order_id"), table_name="withdrawal")
    op.drop_index(op.f("ix__withdrawal__account_id"), table_name="withdrawal")
    op.drop_table("withdrawal")
    op.drop_index(op.f("ix__refund__account_id"), table_name="refund")
    op.drop_table("refund")
    op.drop_index(op.f("ix__payment_transaction__account_id"), table_name="payment_transaction")
    op.drop_table("payment_transaction")
    op.drop_index(op.f("ix__order_return__account_id"), table_name="order_return")
    op.drop_table("order_return")
    op.drop_index(op.f("ix__order_line__account_id"), table_name="order_line")
    op.drop_table("order_line")
    op.drop_index(op.f("ix__order_key__account_id_value"), table_name="order_key")
    op.drop_index(op.f("ix__order_key__account_id"), table_name="order_key")
    op.drop_table("order_key")
    op.drop_index(op.f("ix__fulfillment__account_id"), table_name="fulfillment")
    op.drop_table("fulfillment")
    op.drop_index(op.f("ix__fact__account_id_order_id"), table_name="fact")
    op.drop_index(op.f("ix__fact__account_id"), table_name="fact")
    op.drop_table("fact")
    op.drop_index(op.f("ix__contact__account_id_customer_id_at"), table_name="contact")
    op.drop_index(op.f("ix__contact__account_id"), table_name="contact")
    op.drop_table("contact")
    op.drop_index(op.f("ix__action__status_due_at"), table_name="action")
    op.drop_index(op.f("ix__action__account_id_order_id"), table_name="action")
    op.drop_index(op.f("ix__action__account_id"), table_name="action")
    op.drop_table("action")
    op.drop_index(op.f("ix__tombstone__account_id"), table_name="tombstone")
    op.drop_table("tombstone")
    op.drop_index(op.f("ix__sync_state__proof_due_at"), table_name="sync_state")
    op.drop_index(op.f("ix__sync_state__probe_due_at"), table_name="sync_state")
    op.drop_index(op.f("ix__sync_state__due_at"), table_name="sync_state")
    op.drop_index(op.f("ix__sync_state__account_id"), table_name="sync_state")
    op.drop_table("sync_state")
    op.drop_index(op.f("ix__store_customer__customer_id"), table_name="store_customer")
    op.drop_index(op.f("ix__store_customer__account_id"), table_name="store_customer")
    op.drop_table("store_customer")
    op.drop_index(op.f("ix__session__agent_id"), table_name="session")
    op.drop_index(op.f("ix__session__account_id"), table_name="session")
    op.drop_table("session")
    op.drop_index(op.f("ix__sales_order__store_id_placed_at"), table_name="sales_order")
    op.drop_index(op.f("ix__sales_order__customer_id"), table_name="sales_order")
    op.drop_index(op.f("ix__sales_order__account_id_updated_at_id"), table_name="sales_order")
    op.drop_index(op.f("ix__sales_order__account_id_customer_id_placed_at"), table_name="sales_order")
    op.drop_index(op.f("ix__sales_order__account_id"), table_name="sales_order")
    op.drop_table("sales_order")
    op.drop_index(op.f("ix__product__account_id"), table_name="product")
    op.drop_table("product")
    op.drop_index(op.f("ix__privacy_request__account_id"), table_name="privacy_request")
    op.drop_table("privacy_request")
    op.drop_index(op.f("ix__poison__due_at"), table_name="poison")
    op.drop_index(op.f("ix__poison__account_id"), table_name="poison")
    op.drop_table("poison")
    op.drop_index(op.f("ix__passkey__agent_id"), table_name="passkey")
    op.drop_index(op.f("ix__passkey__account_id"), table_name="passkey")
    op.drop_table("passkey")
    op.drop_index(op.f("ix__pairing__user_code"), table_name="pairing")
    op.drop_index(op.f("ix__pairing__account_id"), table_name="pairing")
    op.drop_table("pairing")
    op.drop_index(op.f("ix__invitation__agent_id"), table_name="invitation")
    op.drop_index(op.f("ix__invitation__account_id"), table_name="invitation")
    op.drop_table("invitation")
    op.drop_index(op.f("ix__helpdesk_agent__agent_id"), table_name="helpdesk_agent")
    op.drop_index(op.f("ix__helpdesk_agent__account_id"), table_name="helpdesk_agent")
    op.drop_table("helpdesk_agent")
    op.drop_index(op.f("ix__delivery__store_id_status_due_at"), table_name="delivery")
    op.drop_index(op.f("ix__delivery__store_id_resource"), table_name="delivery")
    op.drop_index(op.f("ix__delivery__account_id"), table_name="delivery")
    op.drop_table("delivery")
    op.drop_index(op.f("ix__contact_point__customer_id"), table_name="contact_point")
    op.drop_index(op.f("ix__contact_point__account_id"), table_name="contact_point")
    op.drop_table("contact_point")
    op.drop_index(op.f("ix__store__account_id"), table_name="store")
    op.drop_table("store")
    op.drop_index(op.f("ix__policy_version__account_id"), table_name="policy_version")
    op.drop_table("policy_version")
    op.drop_index(op.f("ix__law_confirmation__account_id"), table_name="law_confirmation")
    op.drop_table("law_confirmation")
    op.drop_index(op.f("ix__helpdesk__account_id"), table_name="helpdesk")
    op.drop_table("helpdesk")
    op.drop_index(op.f("ix__customer__merged_into"), table_name="customer")
    op.drop_index(op.f("ix__customer__account_id"), table_name="customer")
    op.drop_table("customer")
    op.drop_index(op.f("ix__audit_entry__account_id_order_id"), table_name="audit_entry")
    op.drop_index(op.f("ix__audit_entry__account_id"), table_name="audit_entry")
    op.drop_table("audit_entry")
    op.drop_index(op.f("ix__api_token__account_id"), table_name="api_token")
    op.drop_table("api_token")
    op.drop_index(op.f("ix__agent__account_id"), table_name="agent")
    op.drop_table("agent")
    op.drop_index(op.f("ix__one_time__purpose_expires_at"), table_name="one_time")
    op.drop_table("one_time")
    op.drop_table("account")
