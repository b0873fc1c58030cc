"""A static Linux program made byte by byte: it writes one text to standard output and ends.

    offset 0     ELF64 header
    offset 64    one program header: the whole file, readable and executable
    offset 120   the code, then the text

The code is write(1, text, length) and exit_group(0), or exit_group(1) if fewer bytes were taken.
See: elf(5); the system call tables of x86-64 (1, 231) and of aarch64 (64, 94).
"""

from __future__ import annotations

import struct

_BASE = 0x400000
_HEADERS = 64 + 56

HELLO = """
Hello from a container!

If you can read this, everything between your keyboard and Linux works. To get here:
 1. nbcontainer wrote this program byte by byte; its image holds no other file.
 2. It put the image into the store as one layer, the way any OCI image lies there.
 3. It asked Linux for new namespaces, made the layer the root directory, gave up what a
    program does not need, and started /hello as process 1.
 4. The program printed this text, ended, and with it its container.

To see every one of these steps and its reason:
  %cont plan run hello-world

To look around inside a container:
  %cont run --rm toolbox ls -l /
"""


def program(machine: str, text: str) -> bytes:
    """Return an executable for `machine` (x86_64 or aarch64) that prints `text`.

    Raises: KeyError for another machine.
    """
    payload = text.encode()
    make, elf_machine = _MACHINES[machine]
    code = make(len(payload))
    size = _HEADERS + len(code) + len(payload)
    header = struct.pack(
        "<16sHHIQQQIHHHHHH",
        b"\x7fELF\x02\x01\x01" + bytes(9),
        2,  # ET_EXEC
        elf_machine,
        1,
        _BASE + _HEADERS,
        64,
        0,
        0,
        64,
        56,
        1,
        64,
        0,
        0,
    )
    # 64 KiB alignment: aarch64 hosts may have pages of that size
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 0x10000)
    return header + segment + code + payload


def _x86_64(length: int) -> bytes:
    before = b"\xbf\x01\x00\x00\x00"  # mov edi, 1
    middle = (
        b"\xba"
        + struct.pack("<I", length)  # mov edx, length
        + b"\xb8\x01\x00\x00\x00"  # mov eax, 1 (write)
        + b"\x0f\x05"  # syscall
        + b"\x31\xff"  # xor edi, edi
        + b"\x39\xd0"  # cmp eax, edx
        + b"\x40\x0f\x95\xc7"  # setne dil
        + b"\xb8\xe7\x00\x00\x00"  # mov eax, 231 (exit_group)
        + b"\x0f\x05"  # syscall
    )
    # lea rsi, [rip + distance]: counted from the instruction after it
    return before + b"\x48\x8d\x35" + struct.pack("<i", len(middle)) + middle


def _aarch64(length: int) -> bytes:
    words = [
        0xD2800020,  # mov x0, #1
        0,  # adr x1, text: filled in below
        0xD2800002 | length << 5,  # mov x2, #length
        0xD2800808,  # mov x8, #64 (write)
        0xD4000001,  # svc #0
        0xEB02001F,  # cmp x0, x2
        0x9A9F07E0,  # cset x0, ne
        0xD2800BC8,  # mov x8, #94 (exit_group)
        0xD4000001,  # svc #0
    ]
    distance = 4 * (len(words) - 1)
    words[1] = 0x10000001 | (distance & 3) << 29 | (distance >> 2) << 5
    return struct.pack(f"<{len(words)}I", *words)


_MACHINES = {"x86_64": (_x86_64, 62), "aarch64": (_aarch64, 183)}
