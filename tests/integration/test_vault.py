"""What is sealed: opened with any key, by nobody without one, and the same under the next key."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet

from integration.errors import AppError
from integration.vault import Vault

OLD, NEW, FOREIGN = (Fernet.generate_key().decode() for _ in range(3))
SECRET = b'{"email": "kadri@example.ee"}'


def sealed_in_every_way(vault: Vault) -> list[bytes]:
    return [vault.seal(SECRET), vault.seal_raw(SECRET)]


def test_another_process_with_one_of_the_keys_opens_what_was_sealed() -> None:
    for sealed in sealed_in_every_way(Vault([OLD])):
        assert Vault([NEW, OLD]).open(sealed) == SECRET
        assert b"kadri" not in sealed


def test_nobody_opens_it_without_the_key_or_learns_anything_from_trying() -> None:
    for sealed in sealed_in_every_way(Vault([OLD])):
        with pytest.raises(AppError, match="cannot be opened with any of ENCRYPTION_KEYS"):
            Vault([NEW, FOREIGN]).open(sealed)


@pytest.mark.parametrize("length", [0, 1, 2, 28, 29, 44, -1])
def test_what_was_cut_short_is_not_opened(length: int) -> None:
    vault = Vault([NEW])
    for sealed in sealed_in_every_way(vault):
        with pytest.raises(AppError):
            vault.open(sealed[:length])


def test_a_changed_byte_anywhere_is_noticed() -> None:
    vault = Vault([NEW])
    sealed = vault.seal_raw(SECRET)
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(AppError):
            vault.open(bytes(changed))


def test_the_same_secret_never_looks_the_same() -> None:
    one, other = Vault([NEW]), Vault([NEW])

    assert len({vault.seal_raw(SECRET) for vault in (one, one, other)}) == 3


def test_under_the_newest_key_the_older_is_needed_no_longer() -> None:
    for sealed in sealed_in_every_way(Vault([OLD])):
        rotated = Vault([NEW, OLD]).rotate(sealed)

        assert Vault([NEW]).open(rotated) == SECRET
        assert rotated.startswith(b"gAAAA") == sealed.startswith(b"gAAAA")
        with pytest.raises(AppError):
            Vault([NEW]).rotate(sealed)


def test_only_what_is_sealed_raw_is_bytes() -> None:
    """Chains of the audit log and forms carry the other as text."""
    assert Vault([NEW]).seal(b"\x00\xff").isascii()
    assert len(Vault([NEW]).seal_raw(b"x" * 5000)) < 5050
