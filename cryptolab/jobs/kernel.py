"""The kernel a job runs in: the very interpreter that runs us, whatever kernelspecs are installed on the machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import cryptolab

_SOCKET_PATH = 80
"""Longest folder whose sockets still have names that the system takes (108 bytes, on macOS 104)."""


def kernel_class(scratch: Path, root: Path, log: Path) -> Any:
    """Return a kernel manager class for papermill; its kernels see the project at `root` and write to `log` what
    would else reach the terminal past the notebook. `kill()` of the class ends the kernel it started, if any.

    Connection file and IPython's folder lie in `scratch`: a user's start-up files and history have no part in a run,
    and none needs a writable home.
    """
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager

    # frozen modules make the debugger warn at each start; neither it nor its check is wanted here
    command = [sys.executable, "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    environment = {
        "CRYPTOLAB_HOME": str(root),
        "IPYTHONDIR": str(scratch / "ipython"),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    package = Path(cryptolab.__file__).parent.parent
    if package.name not in ("site-packages", "dist-packages"):  # a checkout: the kernel takes the same one
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(package), os.environ.get("PYTHONPATH")]))
    (scratch / "ipython").mkdir()
    spec = KernelSpec(argv=command, display_name="cryptolab", language="python", env=environment)

    started: list[Any] = []

    class ThisInterpreter(AsyncKernelManager):
        """Starts `spec` under whatever name a notebook asks for."""

        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.connection_file = str(scratch / "kernel.json")
            # sockets in our own folder: no port for others to reach, none that two kernels could take at once
            if os.name == "posix" and len(str(scratch)) < _SOCKET_PATH:
                self.transport = "ipc"

        async def start_kernel(self, **options: Any) -> None:  # type: ignore[override]
            with log.open("wb") as file:  # the kernel keeps its own copy of the handle
                await super().start_kernel(**options, stdout=file, stderr=file)
            started.append(self.provisioner)

        @staticmethod
        def kill() -> None:
            for provisioner in started:
                if provisioner.process is not None:
                    provisioner.process.kill()

        @property
        def kernel_spec(self) -> KernelSpec:
            return spec

    return ThisInterpreter
