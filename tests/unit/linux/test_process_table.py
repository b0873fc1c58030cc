import os
import subprocess
import time

import pytest

from nbcontainer.linux import process_table


@pytest.fixture
def child():
    process = subprocess.Popen(["sh", "-c", "read x", "a name"], stdin=subprocess.PIPE)
    yield process.pid
    process.communicate(b"\n")


def test_a_process_is_told_as_ps_would(child):
    (row,) = process_table.read([child])
    assert (row.pid, row.parent, row.uid) == (child, os.getpid(), os.geteuid())
    assert "read x a name" in row.command
    assert abs(row.started_at - time.time()) < 60
    assert 0 < row.resident_bytes < row.virtual_bytes
    assert row.cpu_s >= 0
    assert row.state in "RSDI"


def test_rows_come_by_pid_and_the_gone_are_left_out(child):
    gone = subprocess.Popen(["true"])
    gone.wait()
    rows = process_table.read([child, gone.pid, os.getpid()])
    assert [row.pid for row in rows] == sorted([child, os.getpid()])


def test_a_name_with_brackets_does_not_shift_the_columns(tmp_path):
    program = tmp_path / "a) S 1 (b"
    program.symlink_to("/bin/cat")
    process = subprocess.Popen([str(program)], stdin=subprocess.PIPE)
    try:
        assert process_table.read([process.pid])[0].parent == os.getpid()
    finally:
        process.communicate(b"")


def test_processes_are_found_by_their_mount_namespace(child):
    inode = os.stat("/proc/self/ns/mnt").st_ino
    found = process_table.in_mounts(inode)
    assert {os.getpid(), child} <= set(found)
    assert process_table.in_mounts(1) == []
