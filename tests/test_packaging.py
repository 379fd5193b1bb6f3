"""What a user installs has everything in it that a clone has."""

from __future__ import annotations

from configparser import ConfigParser
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[1]
PACKAGES = ("integration", "connectors", "jobs", "sidebar", "migrations")


@pytest.fixture(scope="module")
def patterns() -> list[str]:
    config = ConfigParser(interpolation=None)
    config.read(HOUSE / "setup.cfg")
    listed = config["options.package_data"]["*"]
    return [pattern.strip() for pattern in listed.split(",")]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_file_beside_the_code_is_packed(package: str, patterns: list[str]) -> None:
    """setuptools looks for each pattern from every folder that is a package."""
    top = HOUSE / package
    packed = {
        file
        for init in top.rglob("__init__.py")
        for pattern in patterns
        for file in init.parent.glob(pattern)
    }
    beside = {
        file
        for file in top.rglob("*")
        if file.is_file() and file.suffix not in (".py", ".pyc") and "__pycache__" not in file.parts
    }

    assert not beside - packed


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_belongs_to_a_package(package: str) -> None:
    """A folder without __init__.py is found in a clone but not packed."""
    modules = (HOUSE / package).rglob("*.py")

    lost = {str(file.relative_to(HOUSE)) for file in modules if not (file.parent / "__init__.py").exists()}

    assert lost <= {"sidebar/translations/check.py"}  # for those who work on a clone
