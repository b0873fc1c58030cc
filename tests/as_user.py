"""Run the tests again as an ordinary user: `python -m tests.as_user --ids subuid -- -q tests/system`.

Run by root.  The user is made for it and removed afterwards, with a home of its own, a copy of the
checkout and a virtual environment from Debian's own Python: what a student's machine looks like.
"""

from __future__ import annotations

import argparse
import os
import pwd
import signal
import subprocess
import sys
import tempfile
import time

from tests.source import ROOT

PYTHON = "/usr/bin/python3"
GRACE_S = 10.0
# where pip finds its packages is the machine's affair, not root's
PASSED_ON = (
    "PIP_",
    "SSL_CERT_",
    "REQUESTS_CA_BUNDLE",
    "CI",
    "HTTP",
    "NO_PROXY",
    "http",
    "no_proxy",
)


def main(arguments: list[str]) -> int:
    """Run pytest as the user; return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--ids", choices=["subuid", "single"], default="subuid")
    parser.add_argument("--must-work", default="", help="as NBCONTAINER_MUST_WORK")
    parser.add_argument("--extras", default="test")
    parser.add_argument("pytest", nargs="*", help="what pytest gets, after --")
    options = parser.parse_args(arguments)
    if os.geteuid() != 0:
        print("tests.as_user makes a user, so it must be run by root", file=sys.stderr)
        return 2
    # who ends the run early gets rid of the user, too
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    # two runs at once do not meet
    name = f"nbc-{options.ids}-{os.getpid()}"
    make_user(name, options.ids)
    try:
        python = install(name, options.extras)
        return run_tests(name, python, options.must_work, options.pytest)
    finally:
        remove_user(name)


def make_user(name: str, ids: str) -> None:
    """Make the user anew, with or without subordinate ids."""
    remove_user(name)
    check("useradd", "--create-home", "--shell", "/bin/sh", name)
    if ids == "single":
        for path in ("/etc/subuid", "/etc/subgid"):
            with open(path) as file:
                kept = [line for line in file if not line.startswith(f"{name}:")]
            with open(path, "w") as file:
                file.writelines(kept)


def remove_user(name: str) -> None:
    """End the user's processes and remove the user with the home; nothing happens if there is none."""
    try:
        uid = pwd.getpwnam(name).pw_uid
    except KeyError:
        return
    end = time.monotonic() + GRACE_S
    while (pids := processes_of(uid)) and time.monotonic() < end:
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
    check("userdel", "--remove", "--force", name, quiet=True)
    subprocess.run(["rm", "-rf", f"/home/{name}"], check=True)


def processes_of(uid: int) -> list[int]:
    """Return the processes that run as `uid`."""
    found = []
    for entry in os.listdir("/proc"):
        try:
            if entry.isdecimal() and os.stat(f"/proc/{entry}").st_uid == uid:
                found.append(int(entry))
        except OSError:
            continue
    return found


def install(name: str, extras: str) -> str:
    """Install a copy of the checkout in the user's home; return the user's python."""
    home = pwd.getpwnam(name).pw_dir
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        check=True,
    ).stdout
    with tempfile.TemporaryFile() as names:
        names.write(listed)
        names.seek(0)
        packed = subprocess.Popen(
            ["tar", "-C", str(ROOT), "--null", "-T", "-", "--ignore-failed-read", "-cf", "-"],
            stdin=names,
            stdout=subprocess.PIPE,
        )
        as_user(
            name, ["sh", "-c", "mkdir checkout tmp && tar -C checkout -xf -"], stdin=packed.stdout
        )
        packed.wait()
    as_user(name, [PYTHON, "-m", "venv", "venv"])
    as_user(name, ["venv/bin/pip", "install", "-q", f"./checkout[{extras}]"])
    return f"{home}/venv/bin/python"


def run_tests(name: str, python: str, must_work: str, arguments: list[str]) -> int:
    """Run pytest in the user's checkout; return its exit code."""
    home = pwd.getpwnam(name).pw_dir
    variables = {"NBCONTAINER_MUST_WORK": must_work} if must_work else {}
    command = [python, "-m", "pytest", *arguments]
    return as_user(
        name, command, cwd=f"{home}/checkout", variables=variables, must_pass=False
    ).returncode


def as_user(
    name: str,
    command: list[str],
    *,
    cwd: str = "",
    variables: dict[str, str] | None = None,
    stdin: object = subprocess.DEVNULL,
    must_pass: bool = True,
) -> subprocess.CompletedProcess[bytes]:
    """Run a command as the user with a login's environment and none of root's."""
    entry = pwd.getpwnam(name)
    environment = {key: value for key, value in os.environ.items() if key.startswith(PASSED_ON)}
    environment |= {
        "HOME": entry.pw_dir,
        "USER": name,
        "LOGNAME": name,
        "SHELL": "/bin/sh",
        "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        "LANG": "C.UTF-8",
        "TMPDIR": f"{entry.pw_dir}/tmp",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        **(variables or {}),
    }
    # setpriv gives up every group, and sets no session up that would hold processes back
    become = ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]
    return subprocess.run(
        [*become, "--", *command],
        cwd=cwd or entry.pw_dir,
        env=environment,
        stdin=stdin,  # type: ignore[call-overload]
        check=must_pass,
    )


def check(*command: str, quiet: bool = False) -> None:
    """Run a command that must succeed."""
    silent = subprocess.DEVNULL if quiet else None
    subprocess.run(command, check=True, stdout=silent, stderr=silent)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
