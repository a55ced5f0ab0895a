"""One shell for a whole document: each block sees the variables of earlier blocks."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Mapping



@dataclass(frozen=True)
class Ran:
    """The result of a block."""

    output: str
    # The commands that failed, except those whose failure the block handled.
    failed: tuple[str, ...]


class Shell:
    """A running bash."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._said = folder / "said"
        self._said.mkdir()
        self._blocks = 0
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, text: str) -> Ran:
        """Runs lines in this shell."""
        self._blocks += 1
        block = self._said / f"{self._blocks}.sh"
        output = self._said / f"{self._blocks}.out"
        failed = self._said / f"{self._blocks}.failed"
        block.write_text(text, encoding="utf-8")
        failed.touch()
        trap = f"""trap 'printf "%s\\n" "$BASH_COMMAND" >>{shlex.quote(str(failed))}' ERR"""
        self._write(f"{trap}\n. {shlex.quote(str(block))} >{shlex.quote(str(output))} 2>&1 </dev/null\n")
        self._write("trap - ERR\necho done\n")
        self._wait()
        # If the last command failed, the sourced file itself also counts as a failed command.
        commands = [row for row in failed.read_text().splitlines() if not row.startswith(". ")]
        return Ran(output.read_text(encoding="utf-8", errors="replace"), tuple(commands))

    def value(self, name: str) -> str:
        """The value of a variable."""
        return self.run(f'printf "%s" "${name}"').output

    def _write(self, text: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(text)
        self._process.stdin.flush()

    def _wait(self) -> None:
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        if said != "done\n":
            raise RuntimeError(f"the shell ended: {said}")

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
