"""The default profile as a program inside sees it, and what each relaxation gives away."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from nbcontainer.linux import capabilities
from nbcontainer.spec.confinement import DEVICE_LINKS, DEVICE_NODES, MASKED_PATHS, READ_ONLY_PATHS
from tests.needs import needs
from tests.system.inside import ask

if TYPE_CHECKING:
    from nbcontainer.engine import Engine

STATUS = """
answer(dict(line.split(":\\t", 1) for line in read("/proc/self/status").splitlines() if ":\\t" in line))
"""


def status(engine: Engine, **flags: Any) -> dict[str, str]:
    found: dict[str, str] = ask(engine, STATUS, **flags)
    return found


def test_a_program_has_eleven_capabilities_and_inherits_none(engine: Engine) -> None:
    found = status(engine)
    expected = capabilities.mask(capabilities.DEFAULT)
    assert int(found["CapEff"], 16) == expected
    assert int(found["CapPrm"], 16) == expected
    assert int(found["CapBnd"], 16) == expected
    assert int(found["CapInh"], 16) == 0
    assert int(found["CapAmb"], 16) == 0


def test_a_program_of_another_user_has_no_capability_at_all(engine: Engine) -> None:
    if engine.host.features.id_count < 2:
        pytest.skip("the store has one id only")
    found = status(engine, user="1000:1000")
    assert found["Uid"].split() == ["1000"] * 4
    assert int(found["CapEff"], 16) == int(found["CapPrm"], 16) == int(found["CapAmb"], 16) == 0


def test_capabilities_are_added_and_dropped_by_flags_only(engine: Engine) -> None:
    found = status(engine, cap_add=["SYS_PTRACE"], cap_drop=["CAP_CHOWN"])
    held = capabilities.names(int(found["CapBnd"], 16))
    assert "CAP_SYS_PTRACE" in held
    assert "CAP_CHOWN" not in held
    assert int(status(engine, cap_drop=["ALL"])["CapBnd"], 16) == 0


@needs("seccomp")
def test_no_new_privileges_and_the_filter_are_on_and_can_be_turned_off(engine: Engine) -> None:
    found = status(engine)
    assert (found["NoNewPrivs"], found["Seccomp"]) == ("1", "2")
    found = status(engine, security_opt=["no-new-privileges=false"])
    assert (found["NoNewPrivs"], found["Seccomp"]) == ("0", "2")
    found = status(engine, security_opt=["seccomp=unconfined"])
    # with a single id the filter that answers changes of owner stays
    left = "2" if engine.host.features.id_mode == "single" else "0"
    assert (found["NoNewPrivs"], found["Seccomp"]) == ("1", left)


def test_every_namespace_is_the_containers_own(engine: Engine) -> None:
    inside = ask(
        engine,
        'answer({n: os.readlink(f"/proc/self/ns/{n}") for n in os.listdir("/proc/self/ns")})',
    )
    for name in ("user", "mnt", "pid", "ipc", "uts", "net"):
        assert inside[name] != os.readlink(f"/proc/self/ns/{name}"), name


@needs("cgroup")
def test_the_cgroup_namespace_is_the_containers_own_and_pids_are_limited(engine: Engine) -> None:
    program = 'answer([os.readlink("/proc/self/ns/cgroup"), read("/proc/self/cgroup")])'
    link, groups = ask(engine, program)
    assert link != os.readlink("/proc/self/ns/cgroup")
    assert "nbcontainer" not in groups
    limits = ask(
        engine,
        """
found = []
for root, folders, files in os.walk("/sys/fs/cgroup"):
    if "pids.max" in files:
        found.append(read(root + "/pids.max").strip())
answer(found)
""",
    )
    assert limits == [] or set(limits) == {"4096"}


def test_root_inside_is_not_root_outside(engine: Engine) -> None:
    maps = ask(engine, 'answer([read("/proc/self/uid_map"), read("/proc/self/gid_map")])')
    for text in maps:
        rows = [[int(word) for word in line.split()] for line in text.splitlines()]
        assert rows[0][0] == 0
        assert sum(count for _, _, count in rows) < 1 << 31
        assert rows[0][1] != 0 or engine.host.features.is_rootless


MOUNTS = """
lines = [line.split(" - ") for line in read("/proc/self/mountinfo").splitlines()]
answer([[a.split()[4], a.split()[5], b.split()[0], b.split()[2]] for a, b in lines])
"""


def mounts(engine: Engine, **flags: Any) -> dict[str, tuple[set[str], str, str]]:
    found = ask(engine, MOUNTS, **flags)
    return {target: (set(own.split(",")), kind, data) for target, own, kind, data in found}


def test_what_tells_of_the_host_is_masked_and_what_changes_it_is_read_only(engine: Engine) -> None:
    present = ask(
        engine, "answer([p for p in paths if os.path.lexists(p)])", given={"paths": MASKED_PATHS}
    )
    found = mounts(engine)
    for path in present:
        assert path in found, f"{path} is not masked"
    for path in READ_ONLY_PATHS:
        if os.path.exists(path):
            assert "ro" in found[path][0], path
    for path in ("/sys", "/sys/fs/cgroup"):
        if path in found:
            assert "ro" in found[path][0], path
    sizes = ask(
        engine,
        """
answer([p for p in paths if os.path.lexists(p) and (os.listdir(p) if os.path.isdir(p) else
    stat.S_ISREG(os.stat(p).st_mode) or os.read(os.open(p, os.O_RDONLY), 1))])
""",
        given={"paths": MASKED_PATHS},
    )
    assert sizes == []


def test_kernel_file_systems_hold_no_program_no_device_and_no_set_user_id_bit(
    engine: Engine,
) -> None:
    found = mounts(engine)
    for path in ("/proc", "/dev/shm", "/dev/mqueue", "/sys"):
        if path in found:
            assert {"nosuid", "nodev", "noexec"} <= found[path][0], path
    assert {"nosuid", "noexec"} <= found["/dev"][0]
    assert {"nosuid", "noexec"} <= found["/dev/pts"][0]
    assert found["/proc"][1] == "proc"
    assert "nodev" in found["/"][0]


def test_dev_holds_the_harmless_devices_and_no_others(engine: Engine) -> None:
    names = set(ask(engine, 'answer(os.listdir("/dev"))'))
    expected = {name for name, _, _ in DEVICE_NODES} | {name for name, _ in DEVICE_LINKS}
    assert names - {"pts", "shm", "mqueue", "console"} == expected
    disks = ask(
        engine,
        """
answer([e.path for e in os.scandir("/dev") if stat.S_ISBLK(e.stat(follow_symlinks=False).st_mode)])
""",
    )
    assert disks == []


def test_no_device_can_be_made(engine: Engine) -> None:
    assert ask(
        engine,
        """
answer([attempt(os.mknod, "/tmp/kmsg", 0o666 | stat.S_IFCHR, os.makedev(1, 11)),
        attempt(os.mknod, "/tmp/disk", 0o666 | stat.S_IFBLK, os.makedev(254, 0)),
        attempt(os.mkfifo, "/tmp/fifo")])
""",
    ) == ["EPERM", "EPERM", "done"]


def test_a_privileged_container_is_still_in_its_user_namespace(engine: Engine) -> None:
    found = status(engine, privileged=True)
    assert len(capabilities.names(int(found["CapEff"], 16))) > 30
    text = ask(engine, 'answer(read("/proc/self/uid_map"))', privileged=True)
    assert int(text.split()[1]) != 0 or engine.host.features.is_rootless
    # the host's own files stay root's: its modules, its clock and its disks are out of reach
    answers = ask(
        engine,
        """
answer([attempt(time.clock_settime, time.CLOCK_REALTIME, 0.0),
        attempt(os.mknod, "/tmp/disk", 0o666 | stat.S_IFBLK, os.makedev(254, 0)),
        attempt(put, "/proc/sys/kernel/core_pattern", "|/tmp/x"),
        attempt(put, "/proc/sysrq-trigger", "h")])
""",
        privileged=True,
    )
    assert set(answers) <= {"EPERM", "EACCES", "EROFS", "ENOENT"}


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({"privileged": True}, "privileged"),
        ({"security_opt": ["seccomp=unconfined"]}, "seccomp=unconfined"),
        ({"cap_add": ["SYS_ADMIN"]}, "SYS_ADMIN"),
        ({"userns": "host"}, "host"),
    ],
)
def test_every_relaxation_is_shown_by_inspect(
    engine: Engine, flags: dict[str, Any], expected: str
) -> None:
    made = engine.create("toolbox", ["true"], **flags)
    shown = json.dumps(json.loads(json.dumps(engine.inspect(made.id)[0]))["HostConfig"])
    plain = engine.create("toolbox", ["true"])
    assert expected.lower() in shown.lower()
    assert shown != json.dumps(json.loads(json.dumps(engine.inspect(plain.id)[0]))["HostConfig"])
