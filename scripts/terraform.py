"""`terraform fmt`, `validate` and `test` of all modules under `deploy/`.

In a copy, since terraform writes beside what it reads; with the provider that is on the machine, since
none may be fetched. Usage: `terraform.py` (see `mirror` for where the provider is looked for).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Iterator, Optional

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"


def mirrors() -> Iterator[Path]:
    """Where terraform itself looks for providers, and where images that bring one put it.

    <https://developer.hashicorp.com/terraform/cli/config/config-file#implied-local-mirror-directories>
    """
    if os.environ.get("SENTINEL_TERRAFORM_PLUGINS"):
        yield Path(os.environ["SENTINEL_TERRAFORM_PLUGINS"])
    if os.environ.get("TF_PLUGIN_CACHE_DIR"):
        yield Path(os.environ["TF_PLUGIN_CACHE_DIR"])
    yield Path.home() / ".terraform.d" / "plugins"
    for share in (Path.home() / ".local/share", Path("/usr/local/share"), Path("/usr/share")):
        yield share / "terraform" / "plugins"
    yield Path("/opt/tf-plugins")


def mirror() -> Optional[Path]:
    """The first of these folders that has the AWS provider."""
    return next((folder for folder in mirrors() if any(folder.glob("*/hashicorp/aws"))), None)


def modules(folder: Path) -> list[Path]:
    """Every folder that is a module."""
    return sorted({file.parent for file in folder.rglob("*.tf")})


def terraform(folder: Path, *arguments: str) -> int:
    """Runs it there with nobody's own configuration; its exit status."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    environment |= {
        "TF_CLI_CONFIG_FILE": os.devnull,
        "TF_IN_AUTOMATION": "1",
        "CHECKPOINT_DISABLE": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_REGION": "us-east-1",
    }
    return subprocess.run(
        ["terraform", *arguments], cwd=folder, env=environment, stdin=subprocess.DEVNULL, check=False
    ).returncode


def commands(module: Path, plugins: Path) -> Iterator[list[str]]:
    """What is asked of a module, each once the one before has gone well."""
    yield ["init", "-backend=false", "-input=false", f"-plugin-dir={plugins}"]
    yield ["validate"]
    if any(module.glob("*.tftest.hcl")) or any(module.glob("tests/*.tftest.hcl")):
        yield ["test"]


def main() -> int:
    plugins = mirror()
    if plugins is None:
        print("the AWS provider of terraform is in none of its usual folders")
        return 1
    failed = terraform(DEPLOY, "fmt", "-check", "-diff", "-recursive") != 0
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "deploy"
        shutil.copytree(DEPLOY, copy, ignore=shutil.ignore_patterns(".terraform*"))
        found = modules(copy)
        for module in found:
            print(f"\n{module.relative_to(scratch)}:", flush=True)
            failed |= not all(
                terraform(module, *command, "-no-color") == 0 for command in commands(module, plugins)
            )
    if not found:
        print("there is no module under deploy/")
    return 1 if failed or not found else 0


if __name__ == "__main__":
    sys.exit(main())
