"""Signal names and numbers of Linux on x86-64 and aarch64 (signal(7)); importing `signal` costs more."""

from __future__ import annotations

from ..errors import InvalidArgument

_NAMES = (
    "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP "
    "TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS"
).split()
NUMBERS: dict[str, int] = {name: number for number, name in enumerate(_NAMES, start=1)}
NUMBERS.update(IOT=6, CLD=17, POLL=29, RTMIN=34, RTMAX=64)
NUMBERS.update({f"RTMIN+{step}": 34 + step for step in range(1, 16)})
NUMBERS.update({f"RTMAX-{step}": 64 - step for step in range(1, 15)})


def signal_number(text: str | int) -> int:
    """Return the number of "TERM", "SIGTERM", "sigterm", "15" or 15.

    Raises: InvalidArgument "Invalid signal: …" in Docker's words.
    """
    word = str(text).strip()
    if word.isascii() and word.isdigit() and len(word) < 4:
        if 1 <= int(word) <= 64:
            return int(word)
    else:
        number = NUMBERS.get(word.upper().removeprefix("SIG"))
        if number is not None:
            return number
    raise InvalidArgument(f"Invalid signal: {text}")


def signal_name(number: int) -> str:
    """Return "SIGTERM" for 15; a number without a name comes back as text."""
    for name, known in NUMBERS.items():
        if known == number:
            return f"SIG{name}"
    return str(number)
