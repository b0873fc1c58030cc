"""Hosts, homes and callers that are not what one expects: it works, or says in one sentence why not."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.needs import needs
from tests.running import running
from tests.source import ROOT
from tests.stores import Store
from tests.ways import NO_ADMIN, ONE_ID, PLAIN, Cli, going

pytestmark = needs("userns")

OWN_MOUNTS = (
    ("unshare", "--mount") if os.geteuid() == 0 else ("unshare", "--map-root-user", "--mount")
)


class AtHome(Cli):
    """The command line on another home of a store's folder."""

    def __init__(self, store: Store, home: str, way: tuple[str, ...] = PLAIN) -> None:
        super().__init__(store, way)
        self.home = home

    def __call__(
        self, *args: str, code: int = 0, stdin: bytes = b"", env: dict[str, str] | None = None
    ) -> str:
        env = {"NBCONTAINER_HOME": self.home, **(env or {})}
        return super().__call__(*args, code=code, stdin=stdin, env=env)

    def end_home(self) -> None:
        """Leave nothing but an empty store, and no helper."""
        if names := self("ps", "-aq").split():
            self("rm", "-fv", *names)
        self("image", "prune", "-af")
        code = "from nbcontainer.engine import Engine; Engine().host.runtime.quit()"
        env = self.store.environment | {"NBCONTAINER_HOME": self.home}
        subprocess.run([*self.way, shutil.which("python3") or "", "-c", code], env=env, check=True)


def at_home(store: Store, home: str, way: tuple[str, ...] = PLAIN) -> AtHome:
    return AtHome(store, home, way)


HOMES = {
    "longer than a socket's address": "x" * 150 + "/" + "y" * 150,
    "words and letters": "two words ünï 'q' \"d\" $x %s {a} \\b",
    "what separates mount options": "a:b,c=d",
    "a line end": "one\ntwo",
    "bytes that are no text": os.fsdecode(b"a\xffb"),
    "a leading dash": "-rf",
}


@pytest.mark.parametrize("name", HOMES)
def test_a_home_may_have_any_name(fresh_store: Store, name: str) -> None:
    cli = at_home(fresh_store, f"{fresh_store.folder}/{HOMES[name]}")
    cli("run", "-d", "--name", "web", "-v", "vol:/v", "toolbox", "sleep", "600")
    cli("exec", "web", "sh", "-c", "echo text > /made; echo kept > /v/kept")
    assert "A /made" in cli("diff", "web").splitlines()
    cli("commit", "web", "mine:1")
    cli("rm", "-f", "web")
    assert cli("run", "--rm", "-v", "vol:/v", "mine:1", "cat", "/made", "/v/kept") == "text\nkept\n"
    cli("volume", "rm", "vol")
    cli.end_home()


@pytest.mark.parametrize("umask", ["000", "027", "077"])
def test_the_callers_umask_reaches_no_container(fresh_store: Store, umask: str) -> None:
    home = f"{fresh_store.folder}/other"
    way = ("sh", "-c", f'umask {umask}; exec "$0" "$@"')
    cli = at_home(fresh_store, home, way)
    script = "umask; stat -c %a / /etc /etc/hosts /tmp /made; cat /etc/hosts /etc/resolv.conf > /dev/null"
    shown = cli("run", "--rm", "-w", "/made", "--user", "65534", "toolbox", "sh", "-c", script)
    assert shown.split() == ["0022", "755", "755", "644", "1777", "755"]
    assert os.stat(home).st_mode & 0o077 == 0
    at_home(fresh_store, home).end_home()


def test_without_home_there_is_the_one_that_the_host_knows(fresh_store: Store) -> None:
    code = "from nbcontainer.settings import Settings; print(Settings.load({}).home)"
    for environ in ({}, {"HOME": ""}):
        done = subprocess.run(
            [shutil.which("python3") or "", "-c", code],
            env={"PYTHONPATH": str(ROOT), **environ}, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout.startswith("/")
        assert not done.stdout.startswith("//")


@needs("root")
def test_a_user_that_nobody_knows_is_told_to_choose_a_home() -> None:
    code = (
        "from nbcontainer.errors import EngineError\n"
        "from nbcontainer.settings import Settings\n"
        "try: Settings.load({})\n"
        "except EngineError as error: print(*error.lines(), sep='|')\n"
    )
    done = subprocess.run(
        ["setpriv", "--reuid=987654", "--clear-groups", "/usr/bin/python3", "-c", code],
        env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}, capture_output=True, text=True,
    )  # fmt: skip
    if "Permission" in done.stderr or "No module" in done.stderr:
        pytest.skip("another user cannot read this checkout")
    assert "nobody knows a home of user 987654" in done.stdout
    assert "NBCONTAINER_HOME" in done.stdout


def test_a_working_directory_that_is_gone_is_no_obstacle(
    fresh_store: Store, tmp_path: Path
) -> None:
    way = ("sh", "-c", f'mkdir {tmp_path}/d; cd {tmp_path}/d; rmdir {tmp_path}/d; exec "$0" "$@"')
    assert Cli(fresh_store, way)("run", "--rm", "toolbox", "pwd") == "/\n"


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_a_closed_standard_stream_is_no_obstacle(fresh_store: Store, closed: str) -> None:
    way = ("sh", "-c", f'exec "$0" "$@" {closed}')
    cli = Cli(fresh_store, way)
    text = cli("run", "--rm", "-i", "toolbox", "sh", "-c", "cat; echo done; echo err >&2")
    assert ("done" in text) == ("1>" not in closed)
    assert ("err" in text) == ("2>" not in closed)


def test_a_small_limit_of_files_is_enough(fresh_store: Store) -> None:
    way = ("sh", "-c", 'ulimit -n 64; exec "$0" "$@"')
    cli = Cli(fresh_store, way)
    asked = ("--ulimit", "nofile=100000:200000")
    shown = cli("run", "--rm", *asked, "toolbox", "sh", "-c", "ulimit -n; ulimit -Hn")
    assert shown.split() == ["64", "64"]


# -- where a store cannot be


UNUSABLE = {
    "a file": ("{folder}/file", "not a folder"),
    "below a file": ("{folder}/file/store", "not a folder"),
    "below what takes no directories": ("/proc/none", "cannot be made"),
    "what may not be written": ("{folder}/shut/store", "permission denied"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_where_a_store_cannot_be_is_said_and_the_doctor_answers(
    fresh_store: Store, name: str
) -> None:
    if name == "what may not be written" and os.geteuid() == 0:
        pytest.skip("root may write it")
    path, reason = UNUSABLE[name]
    Path(f"{fresh_store.folder}/file").touch()
    os.makedirs(f"{fresh_store.folder}/shut", 0o500, exist_ok=True)
    cli = at_home(fresh_store, path.format(folder=fresh_store.folder))
    for verb in (("ps",), ("images",), ("run", "--rm", "toolbox", "true")):
        said = cli(*verb, code=125 if "run" in verb else 1)
        assert reason in said
        assert "NBCONTAINER_HOME" in said
    assert "user namespace" in cli("doctor")
    assert "Version" in cli("version")


def test_a_store_on_a_read_only_disk_is_read_and_not_changed(fresh_store: Store) -> None:
    cli = Cli(fresh_store)
    cli("create", "--name", "kept", "toolbox")
    fresh_store.quit()
    home = fresh_store.home
    way = mounted(f"mount --bind {home} {home} && mount -o remount,bind,ro {home}")
    read_only = Cli(fresh_store, way)
    assert "kept" in read_only("ps", "-a")
    assert "toolbox" in read_only("images")
    said = read_only("run", "--rm", "toolbox", "true", code=125)
    assert "read-only" in said.lower()
    assert "Traceback" not in said


# -- what a store lies on


def mounted(command: str) -> tuple[str, ...]:
    """Return the way into mounts of its own, where `command` was carried out; skip where it cannot be."""
    way = (*OWN_MOUNTS, "sh", "-c", f'{command} && exec "$0" "$@"')
    refused = subprocess.run([*way, "true"], capture_output=True, text=True)
    if refused.returncode:
        pytest.skip(f"mount: {refused.stderr.strip()}")
    return way


EVERYTHING = """
set -e
n() { python3 -m nbcontainer "$@"; }
n run -d --name web --user 33 -v vol:/v toolbox sh -c 'echo text > /tmp/made; exec sleep 600' > /dev/null
until n exec web cat /tmp/made 2> /dev/null; do :; done
n exec --user 0 web sh -c 'rm /bin/vi; mkdir /root/d; mkfifo /root/p; chown 33:33 /root/d'
n diff web | grep -x -e 'D /usr/bin/vi' -e 'A /root/p'
n commit web mine:1 > /dev/null
n stop -t 0 web; n start web; n exec web cat /tmp/made
n export -o /dev/null web
n rm -fv web; n volume rm vol
n run --rm mine:1 cat /tmp/made
n inspect -f '{{.RootFS.Type}}' mine:1
n image prune -af > /dev/null
n doctor | grep '^overlay'
python3 -c 'from nbcontainer.engine import Engine; Engine().host.runtime.quit()'
ls "$NBCONTAINER_HOME/tmp" "$NBCONTAINER_HOME/layers"
"""


def everything(store: Store, way: tuple[str, ...], home: str) -> str:
    env = store.environment | {"NBCONTAINER_HOME": home}
    done = subprocess.run(
        [*way, "sh", "-c", EVERYTHING], env=env, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("text\n") == 3
    assert "A /root/p" in done.stdout
    assert "D /usr/bin/vi" in done.stdout
    return done.stdout


def test_a_store_on_an_overlay_copies_layers(fresh_store: Store) -> None:
    at = fresh_store.folder
    made = " && ".join(
        [
            f"mount -t tmpfs tmpfs {at}/run",
            f"mkdir {at}/run/l {at}/run/u {at}/run/w {at}/run/m",
            f"mount -t overlay -o lowerdir={at}/run/l,upperdir={at}/run/u,workdir={at}/run/w o {at}/run/m",
        ]
    )
    shown = everything(fresh_store, mounted(made), f"{at}/run/m/home")
    assert "layers are copied" in shown


def test_a_store_where_nothing_may_be_executed_or_set_user_id_runs_containers(
    fresh_store: Store,
) -> None:
    at = fresh_store.folder
    way = mounted(f"mount -t tmpfs -o noexec,nosuid,nodev tmpfs {at}/run")
    everything(fresh_store, way, f"{at}/run/home")


# -- who may less


def test_where_user_namespaces_are_off_the_error_names_the_switch(fresh_store: Store) -> None:
    cli = Cli(fresh_store)
    cli("images")
    off = "echo 0 > /proc/sys/user/max_user_namespaces"
    way = (*ONE_ID, "sh", "-c", f'{off} && exec "$0" "$@"')
    shut = Cli(fresh_store, way)
    said = shut("run", "--rm", "toolbox", "true", code=125)
    assert said.splitlines() == [
        "Error: this host lets no container run: user.max_user_namespaces is 0",
        "  As root: sysctl user.max_user_namespaces=28633",
    ]
    assert "user.max_user_namespaces is 0" in shut("doctor")
    # what needs no container goes on
    shut("ps", "-a")
    shut("images")


def test_inside_a_container_the_error_names_the_filter(fresh_store: Store) -> None:
    cli = Cli(fresh_store)
    shown = cli(*inside(), "python3 -m nbcontainer run --rm hello-world", code=125)
    assert "a seccomp filter surrounds this process" in shown
    assert "seccomp=unconfined" in shown


def test_containers_run_in_a_privileged_container(fresh_store: Store) -> None:
    cli = Cli(fresh_store)
    script = (
        "python3 -m nbcontainer run --rm hello-world;"
        "python3 -m nbcontainer run --rm --user 33 toolbox cat /proc/self/uid_map"
    )
    shown = cli(*inside("--privileged"), script)
    assert "Hello" in shown


def inside(*flags: str) -> tuple[str, ...]:
    """Return the words that run a script in a container that has this checkout."""
    mounts = ("-v", f"{ROOT}:/checkout:ro", "-e", "PYTHONPATH=/checkout", "-e", "HOME=/root")
    return ("run", "--rm", *flags, *mounts, "-e", "PYTHONDONTWRITEBYTECODE=1", "python", "sh", "-c")


def test_root_of_a_pod_with_many_ids_gives_them_to_containers(fresh_store: Store) -> None:
    with going(NO_ADMIN) as way:
        shown = Cli(fresh_store, way)("run", "--rm", "--user", "33:44", "toolbox", "id", "-u")
    assert shown == "33\n"


def test_a_pod_with_pids_of_its_own_is_left_alone_by_its_neighbours(fresh_store: Store) -> None:
    with tempfile.TemporaryDirectory(dir=fresh_store.folder) as folder:
        other = Store.make(f"{folder}/s")
        script = (
            "python3 -m nbcontainer run -d --name web toolbox sleep 600 && echo began && read line;"
            "python3 -m nbcontainer exec web echo alive; python3 -m nbcontainer rm -f web;"
            "python3 -c 'from nbcontainer.engine import Engine; e = Engine(); e.image_prune(all=True);"
            " e.host.runtime.quit()'"
        )
        way = (*ONE_ID, "--pid", "--fork", "--mount-proc", "--mount")
        with running(
            [*way, "sh", "-c", script], env=other.environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        ) as pod:  # fmt: skip
            assert pod.stdin is not None
            assert pod.stdout is not None
            lines = [pod.stdout.readline(), pod.stdout.readline()]
            if lines[1] != "began\n":
                pytest.skip(f"no such pod here: {lines}")
            # a helper that begins, and tidies up, meets the pod's cgroups where it sees them
            Cli(fresh_store)("run", "--rm", "toolbox", "true")
            fresh_store.quit()
            pod.stdin.write("go on\n")
            pod.stdin.flush()
            assert "alive" in pod.stdout.read()


@pytest.mark.parametrize("way", [PLAIN, ONE_ID], ids=["plain", "one-id"])
def test_no_new_privileges_leave_one_id_and_say_so(
    fresh_store: Store, way: tuple[str, ...]
) -> None:
    with going(way) as prefix:
        cli = Cli(fresh_store, (*prefix, "setpriv", "--no-new-privs"))
        assert cli("run", "--rm", "toolbox", "id", "-u") == "0\n"
        if os.geteuid():
            assert "one id only" in cli("doctor")
