"""The `integration` command as people and scripts meet it: output, one line of error, exit codes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from integration.cli import main
from integration.work import make_engine

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def env(tmp_path: Path, database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Settings of an installation whose database is up to date."""
    before = dict(os.environ)
    for name, value in {
        "APP_URL": "https://desk.example",
        "SECRET_KEY": "a secret key of the tests",
        "ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "DATA_DIR": str(tmp_path / "data"),
        "LOG_LEVEL": "ERROR",
    }.items():
        monkeypatch.setenv(name, value)
    yield
    os.environ.clear()  # `integration demo` writes its own settings there
    os.environ.update(before)


@pytest.fixture
def run(env: None, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out.strip(), err.strip()

    return call


@pytest.fixture
def installed(run: Run) -> Run:
    assert run("migrate")[0] == 0
    return run


def test_migrating_twice_makes_one_account_with_a_policy(installed: Run) -> None:
    assert installed("migrate")[0] == 0

    code, out, _ = installed("policy", "export")

    assert code == 0
    assert json.loads(out)["rules"]


def test_rotating_keys_says_what_it_sealed_anew(installed: Run) -> None:
    code, out, _ = installed("keys", "rotate", "--json")

    assert code == 0
    assert {row["what"]: row["unreadable"] for row in json.loads(out)}["store.credentials"] == 0


def test_a_token_is_printed_once_and_ends_when_revoked(installed: Run) -> None:
    code, out, _ = installed("tokens", "create", "--name", "erp", "--role", "lead", "--json")
    made = json.loads(out)
    assert code == 0
    assert made["token"].startswith("ds_")

    _, listed, _ = installed("tokens", "list", "--json")
    assert made["token"] not in listed
    assert [row["revoked"] for row in json.loads(listed)] == [False]

    assert installed("tokens", "revoke", str(made["id"]))[0] == 0
    assert [row["revoked"] for row in json.loads(installed("tokens", "list", "--json")[1])] == [True]


def test_an_agent_gets_an_invitation_and_can_be_disabled_twice(installed: Run) -> None:
    code, address, _ = installed("agents", "add", "Liis@Lumi.ee", "--name", "Liis", "--role", "agent")
    assert code == 0
    assert address.startswith("https://desk.example/admin/invitations/")

    for _ in range(2):
        assert installed("agents", "disable", "liis@lumi.ee")[0] == 0
    (row,) = json.loads(installed("agents", "list", "--json")[1])
    assert (row["email"], row["disabled"]) == ("liis@lumi.ee", True)


def test_a_helpdesk_is_added_with_its_address_and_secret(installed: Run) -> None:
    origin = "https://desk.lumi.ee"
    code, out, _ = installed("helpdesks", "add", "generic", "--name", "Own", "--origin", origin, "--json")
    made = json.loads(out)

    assert code == 0
    assert set(made) == {"id", "kind", "url", "secret"}
    assert made["url"] == f"https://desk.example/sidebar/generic/{made['id']}"
    assert len(made["secret"]) >= 32
    assert installed("helpdesks", "remove", made["id"])[0] == 0
    assert installed("helpdesks", "list", "--json")[1] == "[]"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["tokens", "create", "--name", "x", "--role", "boss"], "boss"),
        (["tokens", "revoke", "99"], "no such token"),
        (["stores", "status", "99"], "no store 99"),
        (["stores", "disconnect", "x"], "x"),
        (["stores", "connect-woocommerce", "http://shop.ee", "--key", "k", "--secret", "s"], "https"),
        (["stores", "connect-shopify", "evil.com", "--token", "t"], "myshopify.com"),
        (["helpdesks", "add", "zendesk", "--name", "Z"], "subdomain"),
        (["helpdesks", "add", "generic", "--name", "G", "--set", "no-sign"], "KEY=VALUE"),
        (["agents", "add", "not an address", "--name", "N", "--role", "agent"], "address"),
        (["policy", "check", "/no/such/file"], "/no/such/file"),
        (["--account", "77", "stores", "list"], "no account 77"),
        (["stores", "status", "9" * 20], "9" * 20),
        (["build", "wordpress-plugin", "/no/such/folder/x.zip"], "/no/such/folder"),
        (["nonsense"], "nonsense"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(installed: Run, arguments: list[str], says: str) -> None:
    code, out, err = installed(*arguments)

    assert (code, out) == (2, "")
    assert says in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", ""),
        ("SECRET_KEY", "short"),
        ("ENCRYPTION_KEYS", "not-a-key"),
        ("DATABASE_URL", "mysql://db"),
        ("REDIS_URL", "http://redis"),
        ("APP_URL", "desk.example"),
        ("PORT", "99999"),
        ("PORT", "0"),
        ("TRUSTED_PROXIES", "-1"),
        ("APP_URL", "https://[desk"),
        ("APP_URL", "https://name:secret@desk.example"),
        ("REDIS_URL", "redis://host:port"),
        ("DATABASE_URL", "postgresql://host:port/name"),
        ("DATABASE_URL", "postgresql+asyncpg://host/name"),
        ("DATABASE_URL", "sqlite://"),
        ("DATA_DIR", __file__),
        ("SSL_CERT_FILE", "/no/such/file.pem"),
        ("SHOPIFY_SCOPES", "read orders"),
        ("SHOPIFY_OLD_API_SECRET", "the one before"),
        ("SHOPIFY_ORIGIN", "https://{shop}/{more}"),
        ("SHOPIFY_API_VERSION", "latest"),
        ("SHOPIFY_ORIGIN", "https://shop"),
        ("LOG_FORMAT", "xml"),
        ("ALLOW_HTTP_STORES", "maybe"),
    ],
)
def test_a_wrong_setting_is_named_before_anything_is_touched(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    code, out, err = run("migrate")

    assert (code, out) == (2, "")
    assert name in err
    assert value not in err or name != "ENCRYPTION_KEYS"
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("name", "value"), [("PORT", "many"), ("PORT", "99999"), ("LOG_LEVEL", "loud"), ("DATABASE_URL", "x")]
)
def test_the_demo_names_a_wrong_setting_before_it_keeps_anything(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    code, out, err = run("demo")

    assert (code, out) == (2, "")
    assert name in err
    assert not (tmp_path / "data").exists()


def test_a_database_that_is_not_up_to_date_is_said_so(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/empty.sqlite3")

    code, _, err = run("stores", "list")

    assert code == 1
    assert "integration migrate" in err
    assert len(err.splitlines()) == 1


def test_the_doctor_says_what_is_wrong_and_what_to_do(
    installed: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert installed("doctor")[0] == 0

    monkeypatch.setenv("REDIS_URL", f"unix://{tmp_path}/nobody.sock")
    code, out, _ = installed("doctor", "--json")

    (problem,) = [row for row in json.loads(out) if row["result"] != "ok"]
    assert code == 1
    assert problem["check"] == "redis"
    assert "REDIS_URL" in problem["next_step"]

    monkeypatch.setenv("SECRET_KEY", "")
    code, out, _ = installed("doctor", "--json")

    (problem,) = json.loads(out)
    assert code == 1
    assert (problem["check"], problem["result"]) == ("settings", "problem")
    assert "SECRET_KEY" in problem["detail"]


def test_the_record_is_verified(installed: Run) -> None:
    installed("tokens", "create", "--name", "erp", "--role", "agent")

    code, out, _ = installed("audit", "verify", "--json")

    assert code == 0
    assert json.loads(out)["ok"] is True
    assert json.loads(out)["entries"] >= 1


def test_an_end_that_was_cut_off_is_missed_by_who_kept_the_last_hash(
    installed: Run, database_url: str
) -> None:
    for name in ("erp", "bi"):
        installed("tokens", "create", "--name", name, "--role", "agent")
    end = installed("audit", "verify")[1].split()[-1]
    assert installed("audit", "verify", "--since", end)[0] == 0
    assert installed("audit", "verify", "--since", "2")[0] == 2
    number = int(end.partition(":")[0])
    engine = make_engine(database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DELETE FROM audit_entry WHERE number = {number}")
    engine.dispose()

    assert installed("audit", "verify")[0] == 0
    code, _, said = installed("audit", "verify", "--since", end)

    assert code == 1
    assert f"entry {number} is missing" in said


def test_the_published_cases_agree(installed: Run, tmp_path: Path) -> None:
    cases = Path(__file__).parents[1] / "eligibility" / "published.jsonl"

    code, out, _ = installed("policy", "check", str(cases))

    answers = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [answer["id"] for answer in answers] == [f"P{number:02}" for number in range(1, 21)]
    assert all(answer["ok"] for answer in answers)


def test_a_case_that_differs_or_cannot_be_read_ends_with_1_or_2(installed: Run, tmp_path: Path) -> None:
    cases = (Path(__file__).parents[1] / "eligibility" / "published.jsonl").read_text().splitlines()
    wrong = json.loads(cases[0])
    wrong["expect"]["total"] = "1.00"
    file = tmp_path / "cases.jsonl"

    file.write_text(json.dumps(wrong))
    assert installed("policy", "check", str(file))[0] == 1

    file.write_text('{"in":{"id":"X","country":7}}')
    code, _, err = installed("policy", "check", str(file))
    assert code == 2
    assert "line 1" in err
    assert "in.tz" in err
