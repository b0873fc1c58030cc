"""Ways out through /proc, /sys, /dev and cgroups, and images that try to lead our mounts astray."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nbcontainer.errors import EngineError
from nbcontainer.linux.syscall_numbers import NUMBERS
from tests.needs import needs
from tests.system.crafted import Entry, derive, directory, file, gone, link
from tests.system.inside import ask

if TYPE_CHECKING:
    from nbcontainer.engine import Engine

REFUSALS = {"EPERM", "EACCES", "EROFS", "ENOENT", "EIO"}


def test_files_that_steer_linux_cannot_be_written(engine: Engine) -> None:
    answers = ask(
        engine,
        """
paths = ["/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe",
         "/proc/sys/vm/drop_caches", "/proc/sys/kernel/hostname", "/proc/sys/fs/binfmt_misc/register",
         "/proc/irq/default_smp_affinity", "/sys/kernel/uevent_helper", "/sys/power/state",
         "/sys/kernel/mm/transparent_hugepage/enabled", "/sys/class/net/lo/mtu"]
answer({path: attempt(put, path, "1") for path in paths})
""",
    )
    assert {path: reason for path, reason in answers.items() if reason not in REFUSALS} == {}


def test_secrets_of_linux_cannot_be_read(engine: Engine) -> None:
    answers = ask(
        engine,
        """
found = {}
for path in ("/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sched_debug", "/dev/mem",
             "/dev/kmsg", "/dev/port", "/proc/1/mem", "/sys/firmware/efi", "/sys/kernel/debug/x"):
    try:
        with open(path, "rb") as handle:
            found[path] = len(handle.read(16))
    except OSError:
        found[path] = 0
answer(found)
""",
    )
    assert {path for path, count in answers.items() if count} == set()


@needs("seccomp")
def test_cve_2022_0492_release_agent_is_refused_at_every_step(engine: Engine) -> None:
    steps = ask(
        engine,
        """
os.makedirs("/tmp/c")
found = []
found.append(mount("cgroup", "/tmp/c", "cgroup", 0, "rdma"))
found.append(mount("cgroup2", "/tmp/c", "cgroup2"))
found.append(system_call(unshare, 0x10000000 | 0x20000 | 0x2000000))  # unshare user, mount, cgroup
for root, folders, files in os.walk("/sys/fs/cgroup"):
    for name in ("release_agent", "notify_on_release", "cgroup.procs"):
        if name in files:
            found.append(attempt(put, root + "/" + name, "1"))
answer(found)
""",
        given={"unshare": NUMBERS[os.uname().machine]["unshare"]},
    )
    assert set(steps) <= {"EPERM", "EROFS", "EACCES"}
    assert steps[:3] == ["EPERM"] * 3


def test_masks_and_read_only_mounts_cannot_be_taken_away(engine: Engine) -> None:
    answers = ask(
        engine,
        """
rw = 0x20 | 0x1000  # MS_REMOUNT | MS_BIND
answer([mount(None, "/proc/sys", None, rw), mount(None, "/sys", None, rw),
        attempt(os.unlink, "/proc/kcore"), mount("proc", "/tmp", "proc"),
        mount("sysfs", "/tmp", "sysfs"), -1 if libc.umount2(b"/proc/sys", 2) else "done"])
""",
        cap_add=["SYS_ADMIN"],
        security_opt=["seccomp=unconfined"],
    )
    # CAP_SYS_ADMIN was asked for: within its namespace it may remount, but reaches nothing masked
    assert answers[2] != "done"


HOSTILE: dict[str, list[Entry]] = {
    "dev_is_a_link": [link("dev", "/etc")],
    "dev_is_a_link_to_proc": [link("dev", "/proc/self/fd")],
    "dev_is_a_file": [file("dev", "x")],
    "dev_null_is_a_link": [directory("dev"), link("dev/null", "/proc/sys/kernel/core_pattern")],
    "dev_console_is_a_link": [directory("dev"), link("dev/console", "/proc/sysrq-trigger")],
    "dev_pts_is_a_link": [directory("dev"), link("dev/pts", "/proc")],
    "proc_is_a_link": [link("proc", "/tmp")],
    "proc_is_a_file": [file("proc", "x")],
    "sys_is_a_link": [link("sys", "/../../../../proc")],
    "proc_sys_is_a_link": [directory("proc"), link("proc/sys", "/etc"), file("proc/kcore", "x")],
    "all_are_gone": [gone("dev"), gone("proc"), gone("sys")],
    "etc_hosts_is_a_link": [directory("etc"), link("etc/hosts", "/etc/passwd")],
    "etc_is_a_link": [link("etc", "/usr"), gone("etc")],
}

LOOK = """
lines = [line.split(" - ") for line in read("/proc/self/mountinfo").splitlines()]
kinds = {a.split()[4]: b.split()[0] for a, b in lines}
modes = {p: stat.S_IFMT(os.lstat(p).st_mode) for p in ("/dev", "/proc", "/sys")}
answer({
    "kinds": kinds,
    "directories": all(stat.S_ISDIR(mode) for mode in modes.values()),
    "null": stat.S_ISCHR(os.lstat("/dev/null").st_mode) and os.lstat("/dev/null").st_rdev,
    "core": attempt(put, "/proc/sys/kernel/core_pattern", "x"),
    "kcore": kinds.get("/proc/kcore"),
})
"""


@pytest.mark.parametrize("case", HOSTILE)
def test_cve_2025_31133_52565_52881_links_in_an_image_lead_no_mount_astray(
    engine: Engine, tmp_path: Path, case: str
) -> None:
    image = derive(engine, tmp_path, case.replace("_", "-"), HOSTILE[case], base="python")
    found = ask(engine, LOOK, image=image)
    plain = ask(engine, LOOK)
    assert found["directories"]
    assert found["null"] == 0x103
    assert found["core"] in ("EROFS", "EACCES", "EPERM")
    assert set(found["kinds"]) == set(plain["kinds"])
    assert found["kinds"]["/proc"] == "proc"


@pytest.mark.parametrize("target", ["/proc", "/proc/sys", "/sys", "/dev", "/proc/self/attr", "/"])
def test_a_volume_over_what_confines_is_refused_or_hides_only_itself(
    engine: Engine, target: str
) -> None:
    # a volume that hides /proc would hide the masks with it (CVE-2019-16884, CVE-2023-27561)
    try:
        done = engine.run(
            "python",
            ["python3", "-c", "open('/proc/sys/kernel/core_pattern', 'w').write('x')"],
            rm=True,
            volume=[f"mask-race:{target}"],
        )
    except EngineError:
        return
    assert done.exit_code != 0
    assert Path("/proc/sys/kernel/core_pattern").read_text().strip() != "x"
