"""The python layer: this host's own interpreter with its standard library, on top of the toolbox.

The interpreter is the one that runs the engine, or, in a virtual environment, the one that made it.
A Python that lives outside /usr (conda, pyenv, uv) is moved to /usr/local: it finds its library from
its own place, and no home directory's name gets into an image.  Packages are left out.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterator

from ..values import value
from . import ping
from .libraries import Loader
from .tree import Tree

# not for running programs: tests, graphical toolkits, the parts that install packages, build files
_SKIPPED = frozenset(
    """test tests idlelib tkinter turtledemo lib2to3 ensurepip site-packages dist-packages
    pydoc_data""".split()
)
_SKIPPED_EXTENSIONS = ("_tkinter", "_test", "_xxtest", "xxlimited", "_ctypes_test")
# opened by name while running: threads' end, the C library's name services before 2.34
_OPENED = ("libgcc_s.so.1", "libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2")


@value
class Python:
    """An interpreter of this host: its file, its prefix, its library folders, its version "3.11"."""

    executable: str
    prefix: str
    libraries: tuple[str, ...]
    version: str

    @classmethod
    def of_this_process(cls) -> Python:
        """Describe the interpreter below this process's virtual environment, if it is in one."""
        executable = getattr(sys, "_base_executable", None) or sys.executable
        base = {"installed_base": sys.base_prefix, "installed_platbase": sys.base_exec_prefix,
                "base": sys.base_prefix, "platbase": sys.base_exec_prefix}  # fmt: skip
        folders = [sysconfig.get_path(name, vars=base) for name in ("stdlib", "platstdlib")]
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        return cls(
            os.path.realpath(executable), sys.base_prefix, tuple(dict.fromkeys(folders)), version
        )

    @property
    def home(self) -> str:
        """The prefix inside the image."""
        return self.prefix if self.prefix in ("/usr", "/usr/local") else "/usr/local"

    def inside(self, path: str) -> str:
        """Return where this host's `path` stands in the image."""
        if path.startswith(self.prefix + "/"):
            return self.home + path[len(self.prefix) :]
        return path


def tree(loader: Loader, python: Python | None = None) -> Tree:
    """Return the interpreter, its standard library and all that they load."""
    python = python or Python.of_this_process()
    built = Tree()
    name = f"python{python.version}"
    built.copy(f"{python.home}/bin/{name}", python.executable)
    built.link(f"{python.home}/bin/python3", name)
    built.link(f"{python.home}/bin/python", name)
    if python.home != "/usr":
        # scripts that begin with #!/usr/bin/python3
        built.link("/usr/bin/python3", f"{python.home}/bin/{name}")
    with open(ping.__file__, encoding="utf-8") as file:
        # the toolbox's may need a capability
        built.file("/usr/local/bin/ping", file.read(), 0o755)
    programs = [python.executable]
    for path in _standard_library(python):
        inside = python.inside(path)
        if path.endswith(".pyc"):
            built.copy(inside, path)
        elif built.copy(inside, path, keep_time=True) and ".so" in os.path.basename(path):
            programs.append(path)
    machine = loader.elf(python.executable)
    opened = [loader.library(name, machine.machine) for name in _OPENED] if machine else []
    found = [path for path in opened if path]
    for path in found:
        built.copy(path, path)
    for path, real in loader.closure([*programs, *found]).items():
        inside = python.inside(path)
        built.copy(inside, real)
        if inside != path and os.path.basename(path).startswith("libpython"):
            # linked with the folder of a home as its search path; a moved one is found beside libc
            built.link(f"/usr/lib/{os.path.basename(path)}", inside)
    return built


def _standard_library(python: Python) -> Iterator[str]:
    compiled = f".cpython-{python.version.replace('.', '')}.pyc"
    for top in python.libraries:
        for folder, subfolders, files in os.walk(top):
            subfolders[:] = [
                name
                for name in subfolders
                if name not in _SKIPPED and not name.startswith("config-")
            ]
            for name in files:
                if name.endswith((".a", ".o", ".exe")) or name.startswith(_SKIPPED_EXTENSIONS):
                    continue
                # an interpreter starts several times as fast with its compiled modules at hand
                if not name.endswith(".pyc") or name.endswith(compiled):
                    yield f"{folder}/{name}"
