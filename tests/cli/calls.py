"""How the tests call the command line: as a process of its own, on a terminal, or in this process."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path

CRYPTOLAB = (sys.executable, "-m", "cryptolab")


def cryptolab(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run one command and return what it wrote and how it ended."""
    return subprocess.run([*CRYPTOLAB, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False)


def on_a_terminal(*arguments: str) -> tuple[int, str]:
    """Run one command with all streams on a terminal of 80 columns; return its exit code and what was shown."""
    screen, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
    streams = {"stdin": terminal, "stdout": terminal, "stderr": terminal}
    process = subprocess.Popen([*CRYPTOLAB, *arguments], **streams)
    os.close(terminal)
    shown = b""
    while True:
        try:
            chunk = os.read(screen, 65536)
        except OSError:  # how Linux says that the other side is gone
            break
        if not chunk:
            break
        shown += chunk
    os.close(screen)
    return process.wait(60), shown.decode()


def sentence(done: subprocess.CompletedProcess[str], code: int) -> str:
    """Return the one line of an error, after checking that it is one."""
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("cryptolab: ")
    assert line.endswith(".")
    return line
