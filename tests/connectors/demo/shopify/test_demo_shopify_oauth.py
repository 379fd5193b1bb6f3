"""Installing, tokens and their refusals."""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest

from connectors.demo.shopify import Conduct, installation

from .conftest import EXCHANGE, SHOP, Program

APP = "http://127.0.0.1:5999"
REFRESH = {"grant_type": "refresh_token"}


class Clock:
    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 21, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment


def query_of(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def is_signed(query: dict[str, str], secret: str) -> bool:
    rest = "&".join(f"{name}={value}" for name, value in sorted(query.items()) if name != "hmac")
    wanted = hmac.new(secret.encode(), rest.encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(wanted, query["hmac"])


def authorize(program: Program, **more: str) -> httpx.Response:
    wish = {
        "client_id": program.store.app.client_id,
        "scope": "read_orders,write_orders",
        "redirect_uri": f"{APP}/shopify/callback",
        "state": "nonce",
    }
    return program.http.get(f"{program.shop}/admin/oauth/authorize", params=wish | more)


def works(program: Program, token: str) -> bool:
    return Program(program.store, token, program.http).post("{ shop { name } }").status_code == 200


def test_code_grant_from_the_link_to_the_token(own_store: Callable[..., Program]) -> None:
    program = own_store(app_url=APP)
    page = authorize(program)
    assert "read_orders" in page.text
    action = html.unescape(re.findall(r'action="([^"]+)"', page.text)[0])
    back = program.http.post(action, data={"decision": "install"})
    assert back.status_code == 302
    assert back.headers["Location"].startswith(f"{APP}/shopify/callback?")
    query = query_of(back.headers["Location"])
    assert is_signed(query, program.store.app.client_secret)
    assert (query["shop"], query["state"]) == (SHOP, "nonce")
    assert base64.b64decode(query["host"] + "==").decode() == f"{SHOP}/admin"

    answer = program.grant(code=query["code"], expiring="1").json()
    assert answer["scope"] == "read_orders,write_orders"
    assert (answer["expires_in"], answer["refresh_token_expires_in"]) == (3600, 90 * 86400)
    assert works(program, answer["access_token"])
    again = program.grant(code=query["code"], expiring="1")
    assert (again.status_code, again.json()["error"]) == (400, "invalid_request")


def test_without_expiring_the_token_is_permanent(own_store: Callable[..., Program]) -> None:
    program = own_store(app_url=APP)
    query = query_of(authorize(program, approve="1").headers["Location"])
    assert program.grant(code=query["code"]).json().keys() == {"access_token", "scope"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"redirect_uri": "https://evil.example/callback"},
        {"redirect_uri": f"{APP}.evil.example/"},
        {"client_id": "somebody-else"},
    ],
)
def test_a_wrong_link_leads_nowhere(own_store: Callable[..., Program], wrong: dict[str, str]) -> None:
    program = own_store(app_url=APP)
    assert authorize(program, **wrong, approve="1").status_code == 400


def test_cancelling_the_grant_stays_in_the_shop(own_store: Callable[..., Program]) -> None:
    program = own_store(app_url=APP)
    action = html.unescape(re.findall(r'action="([^"]+)"', authorize(program).text)[0])
    back = program.http.post(action, data={"decision": "cancel"})
    assert back.headers["Location"] == f"{program.shop}/admin"


def test_the_admin_frames_the_app_with_a_live_session_token(own_store: Callable[..., Program]) -> None:
    program = own_store(app_url=APP)
    page = program.http.get(f"{program.shop}/admin/apps/{program.store.app.client_id}")
    address = html.unescape(re.findall(r'<iframe[^>]+src="([^"]+)"', page.text)[0])
    assert address.startswith(f"{APP}/shopify/app?")
    query = query_of(address)
    assert is_signed(query, program.store.app.client_secret)
    assert (query["embedded"], query["shop"]) == ("1", SHOP)
    claims = jwt.decode(
        query["id_token"],
        program.store.app.client_secret,
        algorithms=["HS256"],
        audience=program.store.app.client_id,
    )
    assert claims["dest"] == f"https://{SHOP}"
    assert claims["iss"] == f"https://{SHOP}/admin"
    assert claims["exp"] - claims["iat"] <= 65


def test_managed_installation_asks_before_the_first_opening(own_store: Callable[..., Program]) -> None:
    program = own_store(app_url=APP)
    address = f"{program.shop}/admin/apps/{program.store.app.client_id}"
    installation.uninstall(program.store.shop())
    assert "Install Deskside?" in program.http.get(address).text
    assert program.http.post(address, data={"decision": "install"}).status_code == 302
    assert "<iframe" in program.http.get(address).text


def test_token_exchange_gives_offline_and_online_tokens(program: Program) -> None:
    offline = program.grant(**EXCHANGE, subject_token=program.id_token()).json()
    assert offline.keys() == {
        "access_token", "scope", "expires_in", "refresh_token", "refresh_token_expires_in",
    }  # fmt: skip
    wish = EXCHANGE | {"requested_token_type": "urn:shopify:params:oauth:token-type:online-access-token"}
    online = program.grant(**wish, subject_token=program.id_token()).json()
    assert online["associated_user"]["email"] == "owner@lumi.example"
    assert online["expires_in"] == 86399
    program.install()


def test_a_permanent_token_becomes_an_expiring_one(own_store: Callable[..., Program]) -> None:
    program = own_store()
    permanent = program.grant(**(EXCHANGE | {"expiring": "0"}), subject_token=program.id_token()).json()
    assert "refresh_token" not in permanent
    wish = EXCHANGE | {"subject_token_type": "urn:shopify:params:oauth:token-type:offline-access-token"}
    assert "refresh_token" in program.grant(**wish, subject_token=permanent["access_token"]).json()
    assert program.grant(**wish, subject_token="shpat_wrong").status_code == 400


def test_a_bad_session_token_is_refused(program: Program) -> None:
    app = program.store.app
    good = {"dest": f"https://{SHOP}", "aud": app.client_id, "exp": 9_999_999_999}
    wrong = [
        jwt.encode(good, "another secret that is thirty-two letters", "HS256"),
        jwt.encode(good | {"exp": 1}, app.client_secret, "HS256"),
        jwt.encode(good | {"aud": "other"}, app.client_secret, "HS256"),
        jwt.encode(good | {"dest": "https://evil.myshopify.com"}, app.client_secret, "HS256"),
        "not.a.token",
    ]
    for token in wrong:
        answer = program.grant(**EXCHANGE, subject_token=token)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_subject_token")


def test_a_wrong_secret_is_refused_before_anything_else(program: Program) -> None:
    answer = program.grant(client_secret="wrong", grant_type="refresh_token", refresh_token="x")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client")


def test_the_token_endpoint_takes_forms_too(program: Program) -> None:
    form = program.credentials | {"grant_type": "client_credentials"}
    answer = program.http.post(f"{program.shop}/admin/oauth/access_token", data=form).json()
    assert answer["expires_in"] == 86399
    assert works(program, answer["access_token"])


def test_refreshing_keeps_the_old_access_token_and_ends_the_old_refresh_token(
    own_store: Callable[..., Program],
) -> None:
    program = own_store()
    first = program.grant(**EXCHANGE, subject_token=program.id_token()).json()
    second = program.grant(**REFRESH, refresh_token=first["refresh_token"]).json()
    assert works(program, first["access_token"])
    assert works(program, second["access_token"])
    late = program.grant(**REFRESH, refresh_token=first["refresh_token"])
    assert (late.status_code, late.json()["error"]) == (400, "invalid_grant")
    assert program.grant(**REFRESH, refresh_token=second["refresh_token"]).status_code == 200


def test_a_lost_refresh_answer_can_be_asked_for_again(own_store: Callable[..., Program]) -> None:
    program = own_store()
    first = program.grant(**EXCHANGE, subject_token=program.id_token()).json()
    lost = program.grant(**REFRESH, refresh_token=first["refresh_token"]).json()
    again = program.grant(**REFRESH, refresh_token=first["refresh_token"]).json()
    assert works(program, again["access_token"])
    assert program.grant(**REFRESH, refresh_token=lost["refresh_token"]).status_code == 400
    assert program.grant(**REFRESH, refresh_token=first["refresh_token"]).status_code == 400


def test_a_new_exchange_retires_the_refresh_token_before(own_store: Callable[..., Program]) -> None:
    program = own_store()
    first = program.grant(**EXCHANGE, subject_token=program.id_token()).json()
    program.grant(**EXCHANGE, subject_token=program.id_token())
    assert works(program, first["access_token"])
    assert program.grant(**REFRESH, refresh_token=first["refresh_token"]).status_code == 400


def test_tokens_run_out(own_store: Callable[..., Program]) -> None:
    clock = Clock()
    program = own_store(now=clock, conduct=Conduct(token_seconds=60, refresh_seconds=3600))
    pair = program.grant(**EXCHANGE, subject_token=program.id_token()).json()
    assert works(program, pair["access_token"])
    clock.moment += timedelta(seconds=61)
    assert not works(program, pair["access_token"])
    fresh = program.grant(**REFRESH, refresh_token=pair["refresh_token"]).json()
    assert works(program, fresh["access_token"])
    clock.moment += timedelta(hours=2)
    assert program.grant(**REFRESH, refresh_token=fresh["refresh_token"]).json()["error"] == "invalid_grant"


def test_uninstalling_ends_everything_at_once(own_store: Callable[..., Program]) -> None:
    program = own_store()
    pair = program.grant(**EXCHANGE, subject_token=program.id_token()).json()
    installation.uninstall(program.store.shop())
    assert not works(program, pair["access_token"])
    assert program.grant(**REFRESH, refresh_token=pair["refresh_token"]).status_code == 400


def test_optional_scopes_can_be_given_back_and_mandatory_ones_not(own_store: Callable[..., Program]) -> None:
    program = own_store(scopes=["read_orders", "read_customers"])
    installation.change_scopes(program.store.shop(), ["read_orders", "read_customers", "write_gift_cards"])
    answer = program.data("63_", scopes=["write_gift_cards"])["appRevokeAccessScopes"]
    assert answer == {"revoked": [{"handle": "write_gift_cards"}], "userErrors": []}
    kept = program.data("63_", scopes=["read_orders"])["appRevokeAccessScopes"]
    assert kept["userErrors"][0]["code"] == "CANNOT_REVOKE_REQUIRED_SCOPES"
    query = "{ currentAppInstallation { accessScopes { handle } } }"
    scopes = program.post(query).json()["data"]["currentAppInstallation"]["accessScopes"]
    assert scopes == [{"handle": "read_orders"}, {"handle": "read_customers"}]
