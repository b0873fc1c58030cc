"""The toolbox layer: this host's own tools, so that an image needs no network.

A static busybox of the host is preferred: one file and its names.  What it lacks, or everything where
there is none, is copied from the host with the libraries it loads.
"""

from __future__ import annotations

import os
import subprocess

from .libraries import Loader
from .tree import Tree

TOOLS = tuple(
    """sh cat ls echo env id whoami hostname uname date sleep head tail wc sort uniq grep sed awk find
    xargs tar gzip gunzip ps kill mkdir rmdir rm cp mv touch chmod chown chgrp ln readlink realpath
    basename dirname true false test [ expr seq tr cut tee mount umount df du stat printf yes dd
    sha256sum md5sum od free tty nproc pwd mknod mkfifo sync timeout which""".split()
)
"""What every toolbox holds where the host has it."""

SEARCH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
_BUSYBOX = ("busybox", "busybox.static", "busybox-static", "bb")
_TERMINALS = ("dumb", "linux", "screen", "screen-256color", "tmux-256color", "vt100", "xterm",
              "xterm-256color")  # fmt: skip
_TERMINFO = ("/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo")

PASSWD = """\
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
bin:x:2:2:bin:/bin:/bin/false
mail:x:8:8:mail:/var/mail:/bin/false
www-data:x:33:33:www-data:/var/www:/bin/false
nginx:x:101:101:nginx:/nonexistent:/bin/false
nobody:x:65534:65534:nobody:/nonexistent:/bin/false
"""
GROUP = """\
root:x:0:
daemon:x:1:
bin:x:2:
tty:x:5:
mail:x:8:
www-data:x:33:
users:x:100:
nginx:x:101:
nogroup:x:65534:
"""
OS_RELEASE = """\
NAME="nbcontainer toolbox"
PRETTY_NAME="nbcontainer toolbox (this host's own tools)"
ID=toolbox
"""
# CAP_NET_RAW is the second bit of the fourth digit
PING = """\
#!/bin/sh
if ! grep -q '^CapEff:.*[2367abef]...$' /proc/self/status; then
    echo "ping: BusyBox's needs a raw socket, which this container may not open." >&2
    echo "      Run it with --cap-add NET_RAW, or use the image python, whose ping needs none." >&2
    exit 1
fi
exec busybox ping "$@"
"""
_NSSWITCH = "passwd: files\ngroup: files\nhosts: files dns\n"


def tree(loader: Loader, search: str = SEARCH) -> Tree:
    """Return the toolbox of this host; `search` is where its tools are looked for."""
    built = Tree()
    _skeleton(built)
    busybox = static_busybox(loader, search)
    if busybox and built.copy("/usr/bin/busybox", busybox):
        for name in applets(busybox):
            if name != "busybox":
                built.link(f"/usr/bin/{name}", "busybox")
    _copy_tools(built, loader, search, [name for name in TOOLS if f"/usr/bin/{name}" not in built])
    _ping(built, loader, search)
    for folder in _TERMINFO:
        for name in _TERMINALS:
            where = f"{name[0]}/{name}"
            if os.path.exists(f"{folder}/{where}") and f"/etc/terminfo/{where}" not in built:
                built.copy(f"/etc/terminfo/{where}", f"{folder}/{where}")
    return built


def static_busybox(loader: Loader, search: str = SEARCH) -> str | None:
    """Return the host's busybox if it is one that needs no library and can be run."""
    for name in _BUSYBOX:
        path = which(name, search)
        elf = loader.elf(path) if path else None
        if path and elf and elf.is_static and "sh" in applets(path):
            return path
    return None


def applets(busybox: str) -> list[str]:
    """Return the names that this busybox answers to, [] if it does not run."""
    try:
        done = subprocess.run(
            [busybox, "--list"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=10,
            env={},
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return [name for name in done.stdout.decode(errors="replace").split() if "/" not in name]


def which(name: str, search: str = SEARCH) -> str | None:
    """Return the first readable, executable file of this name."""
    for folder in search.split(":"):
        path = f"{folder}/{name}"
        if os.path.isfile(path) and os.access(path, os.R_OK | os.X_OK):
            return path
    return None


def add_libraries(built: Tree, loader: Loader, programs: list[str]) -> None:
    """Add what the programs load, each at the path where the loader looks."""
    for path, real in loader.closure(programs).items():
        if path not in built:
            built.copy(path, real)


def _copy_tools(built: Tree, loader: Loader, search: str, names: list[str]) -> None:
    copied: dict[str, str] = {}
    for name in names:
        path = which(name, search)
        if path is None:
            continue
        # the requested name with the real file: /bin/sh may be a link to dash, ls to a multi-call program
        real = os.path.realpath(path)
        if real in copied:
            built.link(f"/usr/bin/{name}", copied[real])
        elif built.copy(f"/usr/bin/{name}", real):
            copied[real] = name
    add_libraries(built, loader, list(copied))


def _ping(built: Tree, loader: Loader, search: str) -> None:
    """Take the host's ping where it is that of iputils: BusyBox's and others' open a raw socket."""
    path = which("ping", search)
    real = os.path.realpath(path) if path else ""
    if real and _is_iputils(real) and built.copy("/usr/bin/ping", real):
        add_libraries(built, loader, [real])
    elif "/usr/bin/ping" in built:
        built.file("/usr/bin/ping", PING, 0o755)


def _is_iputils(path: str) -> bool:
    with open(path, "rb") as file:
        return b"iputils" in file.read(1 << 20)


def _skeleton(built: Tree) -> None:
    for path in ("dev", "etc", "home", "mnt", "opt", "proc", "run", "srv", "sys", "usr/bin",
                 "usr/lib", "usr/lib64", "usr/local/bin", "usr/share", "var/cache", "var/lib",
                 "var/log"):  # fmt: skip
        built.directory(path)
    built.directory("root", 0o700)
    built.directory("tmp", 0o1777)
    built.directory("var/tmp", 0o1777)
    for name, target in (("bin", "usr/bin"), ("sbin", "usr/bin"), ("lib", "usr/lib"),
                         ("lib64", "usr/lib64"), ("usr/sbin", "bin"), ("var/run", "../run"),
                         ("etc/mtab", "../proc/self/mounts")):  # fmt: skip
        built.link(name, target)
    built.file("etc/passwd", PASSWD)
    built.file("etc/group", GROUP)
    built.file("etc/os-release", OS_RELEASE)
    built.file("etc/nsswitch.conf", _NSSWITCH)
    built.file("etc/shells", "/bin/sh\n")
    built.file("etc/profile", "export PATH=${PATH:-/usr/local/bin:/usr/bin:/bin}\n")
