import os
import struct
import subprocess

import pytest

from nbcontainer.builtin import elf, libraries


@pytest.mark.parametrize(("machine", "number"), [("x86_64", 62), ("aarch64", 183)])
def test_the_program_is_a_static_elf_of_its_machine_and_under_a_kilobyte(tmp_path, machine, number):
    path = tmp_path / "hello"
    path.write_bytes(elf.program(machine, elf.HELLO))
    read = libraries.read(str(path))
    assert read is not None
    assert read.is_static
    assert read.machine == number
    assert path.stat().st_size < 1024


def test_the_program_prints_its_text_and_ends_with_0(tmp_path):
    path = tmp_path / "hello"
    path.write_bytes(elf.program(os.uname().machine, elf.HELLO))
    path.chmod(0o755)
    done = subprocess.run([path], capture_output=True, timeout=10)
    assert (done.returncode, done.stdout.decode(), done.stderr) == (0, elf.HELLO, b"")


def test_the_program_fails_when_nobody_takes_its_text(tmp_path):
    path = tmp_path / "hello"
    path.write_bytes(elf.program(os.uname().machine, "text"))
    path.chmod(0o755)
    with open("/dev/full", "wb") as full:
        assert subprocess.run([path], stdout=full, timeout=10).returncode == 1


def test_the_aarch64_program_points_at_its_text():
    data = elf.program("aarch64", "hello")
    adr = struct.unpack_from("<I", data, 120 + 4)[0]
    distance = (adr >> 5 & 0x7FFFF) << 2 | adr >> 29 & 3
    assert data[120 + 4 + distance :] == b"hello"


def test_another_machine_is_refused():
    with pytest.raises(KeyError):
        elf.program("riscv64", "hello")
