"""What the WordPress plugin shows, rendered by PHP over stand-ins for WordPress, and kept as a sample.

PHP is no requirement of the project. So the screens are recorded, with digests of what made them: where there
is PHP they are rendered anew and compared, elsewhere a changed plugin fails until somebody records again:
`python -m tests.connectors.woocommerce.plugin_screens`.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
WORDPRESS = HERE / "wordpress.php"
PLUGIN = Path(str(files("connectors.woocommerce.plugin").joinpath("deskside.php")))
SAMPLE = HERE.parents[1] / "samples" / "woocommerce" / "plugin_screens.json"

CONNECTED = {"app": "https://desk.example.com", "key": True, "webhooks": [9, 9]}
SCENES: dict[str, dict[str, Any]] = {
    "new": {"app": "", "key": False},
    "bad address": {"app": "", "key": False, "notice": "bad-address"},
    "to connect": {"app": "https://desk.example.com", "key": False, "notice": "saved"},
    "no https": {"app": "https://desk.example.com", "key": False, "https": False},
    "waiting": {**CONNECTED, "webhooks": [0, 0], "state": {"status": "waiting", "done": 0, "total": None}},
    "copying": {**CONNECTED, "state": {"status": "installing", "done": 38_412, "total": 61_900}},
    "in step": {**CONNECTED, "state": {"status": "active", "done": 61_900, "total": 61_900}},
    "degraded": {**CONNECTED, "webhooks": [7, 9], "state": {"status": "degraded", "done": 9, "total": 9}},
    "disconnected": {**CONNECTED, "state": {"status": "disconnected", "done": 9, "total": 9}},
    "no answer": CONNECTED,
    "hostile": {
        **CONNECTED,
        "app": 'https://desk.example.com/"><script>alert(1)</script>',
        "state": {"status": "<script>alert(2)</script>", "done": "<b>", "total": "<b>"},
    },
    "not allowed": {**CONNECTED, "allowed": False},
}


def php() -> str | None:
    return shutil.which("php")


def render(binary: str) -> dict[str, str]:
    """Each scene's page, as PHP prints it; anything PHP complains about is an error."""
    screens = {}
    for name, scene in SCENES.items():
        command = [binary, "-d", "display_errors=stderr", "-d", "error_reporting=-1", str(WORDPRESS)]
        done = subprocess.run(
            [*command, str(PLUGIN), json.dumps({"webhooks": [0, 0], **scene})],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        if done.stderr:
            raise AssertionError(f"{name}: {done.stderr}")
        screens[name] = done.stdout
    return screens


def made_of() -> dict[str, str]:
    """Digests of what the screens depend on."""
    found = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in (PLUGIN, WORDPRESS)}
    return {**found, "scenes": hashlib.sha256(json.dumps(SCENES).encode()).hexdigest()}


def recorded() -> dict[str, str]:
    """The screens that were kept, if they are of the plugin as it is."""
    kept = json.loads(SAMPLE.read_text("utf-8"))
    assert kept["made_of"] == made_of(), "record them: python -m tests.connectors.woocommerce.plugin_screens"
    screens: dict[str, str] = kept["screens"]
    return screens


if __name__ == "__main__":
    binary = php()
    assert binary, "this needs PHP (Debian: php-cli)"
    SAMPLE.write_text(json.dumps({"made_of": made_of(), "screens": render(binary)}, indent=1) + "\n", "utf-8")
