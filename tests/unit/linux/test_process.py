"""Real children of the test itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from nbcontainer.linux import process


def test_a_process_is_itself() -> None:
    me = os.getpid()
    assert process.is_same_process(me, process.start_time(me), process.boot_id())


def test_another_start_time_or_boot_is_another_process() -> None:
    me = os.getpid()
    start = process.start_time(me)
    assert not process.is_same_process(me, start + 1, process.boot_id())
    assert not process.is_same_process(me, start, "another boot")


def test_a_process_is_shown_as_it_calls_itself() -> None:
    program = (
        "from nbcontainer.linux import process; import sys\n"
        "process.call_itself(('init', '--', 'web', 'x' * 5000)); print(); sys.stdout.flush(); input()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with child:
        assert child.stdout
        assert child.stdout.readline() == b"\n"
        shown = process.command_line(child.pid)
        assert shown[:3] == ("init", "--", "web")
        assert set(shown[3]) == {"x"}
        with open(f"/proc/{child.pid}/comm") as file:
            assert file.read() == "init\n"
        child.communicate(b"\n")
    assert child.returncode == 0


def test_a_signal_reaches_only_the_recorded_process() -> None:
    child = subprocess.Popen(["sleep", "100"])
    boot, start = process.boot_id(), process.start_time(child.pid)
    assert not process.send_signal(child.pid, start - 1, boot, signal.SIGKILL)
    assert child.poll() is None
    assert process.send_signal(child.pid, start, boot, signal.SIGKILL)
    assert child.wait(10) == -signal.SIGKILL
    assert not process.send_signal(child.pid, start, boot, signal.SIGKILL)
    assert not process.is_same_process(child.pid, start, boot)
    with pytest.raises(ProcessLookupError):
        process.start_time(child.pid)


def test_a_zombie_has_ended() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    start = process.start_time(pid)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert not process.is_same_process(pid, start, process.boot_id())
    os.waitpid(pid, 0)


def test_a_program_named_to_deceive_does_not_shift_the_fields() -> None:
    code = "open('/proc/self/comm','w').write('x) R 1 1'); print('on', flush=True); input()"
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    child.stdout.readline()
    assert process.parent(child.pid) == os.getpid()
    assert process.start_time(child.pid) >= process.start_time(os.getpid())
    assert process.command_line(child.pid)[1] == "-c"
    child.communicate("\n", timeout=10)


def test_reap_collects_all_that_ended_and_does_not_wait() -> None:
    code = """
import os
from nbcontainer.linux import process
alive_r, alive_w = os.pipe()
living = os.fork()
if living == 0:
    os.close(alive_w); os.read(alive_r, 1); os._exit(0)
ended = []
for code in (3, 4):
    pid = os.fork()
    if pid == 0: os._exit(code)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT); ended.append(pid)
found = process.reap()
print(sorted(process.exit_code(s) for _, s in found), {p for p, _ in found} == set(ended))
os.close(alive_w); os.waitpid(living, 0)
print(process.reap())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20)
    assert done.stdout.split("\n") == ["[3, 4] True", "[]", ""], done.stderr


def test_exit_codes_after_a_signal_are_dockers() -> None:
    assert process.exit_code(9) == 137
    assert process.exit_code(256) == 1


def test_a_child_that_goes_its_own_way_keeps_what_it_names_and_nothing_else():
    read_end, write_end = os.pipe()
    spare = [os.open("/dev/null", os.O_RDONLY) for _ in range(5)]
    child = os.fork()
    if child == 0:
        process.close_all_but(spare[3], write_end)
        open_now = sorted(int(name) for name in os.listdir("/proc/self/fd"))
        # the directory that was read had a descriptor, too
        expected = {0, 1, 2, spare[3], write_end}
        os.write(write_end, b"1" if expected <= set(open_now) and len(open_now) == 6 else b"0")
        os._exit(0)
    os.close(write_end)
    assert os.read(read_end, 1) == b"1"
    os.waitpid(child, 0)
    for descriptor in (read_end, *spare):
        os.close(descriptor)
