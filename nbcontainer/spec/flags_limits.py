"""The rules of the resource flags: --memory and its kin, --cpus, --cpuset-cpus, --pids-limit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import InvalidArgument
from ..units import parse_bytes, parse_cpus
from .flags_values import bad_argument
from .runtime import Resources

_MINIMUM_MEMORY = 6 * 1024 * 1024
_SHM_SIZE = 64 * 1024 * 1024


def as_bytes(flag: str, value: Any) -> int:
    """Return a size flag's bytes; numbers are bytes already, -1 stays (unlimited)."""
    if value in (None, ""):
        return 0
    if str(value) == "-1":
        return -1
    try:
        return parse_bytes(str(value))
    except InvalidArgument as error:
        raise bad_argument(flag, value, error.message) from None


def as_int(flag: str, value: Any) -> int:
    """Return a number flag's value."""
    if value in (None, ""):
        return 0
    try:
        return int(str(value))
    except ValueError:
        problem = f'strconv.ParseInt: parsing "{value}": invalid syntax'
        raise bad_argument(flag, value, problem) from None


def resources(flags: Mapping[str, Any], cpus_online: int = 0) -> Resources:
    """Read the limits; `cpus_online` 0 = not known, so not compared.

    Raises: InvalidArgument in Docker's words for what no cgroup could mean.
    """
    memory, swap = _memory(flags)
    quota, period, nano = _cpu(flags, cpus_online)
    shares = as_int("-c, --cpu-shares", flags.get("cpu_shares"))
    if shares < 0:
        raise InvalidArgument(f"invalid CPU shares ({shares}): value must be a positive integer")
    pids = flags.get("pids_limit")
    return Resources(
        memory_bytes=memory,
        memory_swap_bytes=swap,
        cpu_quota_us=quota,
        cpu_period_us=period,
        cpu_shares=shares,
        cpuset_cpus=_cpuset(str(flags.get("cpuset_cpus") or ""), cpus_online),
        pids_limit=0 if pids is None else max(as_int("--pids-limit", pids), 0) or -1,
        nano_cpus=nano,
    )


def _memory(flags: Mapping[str, Any]) -> tuple[int, int]:
    memory = as_bytes("-m, --memory", flags.get("memory"))
    swap = as_bytes("--memory-swap", flags.get("memory_swap"))
    if memory < 0:
        raise bad_argument("-m, --memory", memory, f"invalid size: '{memory}'")
    if 0 < memory < _MINIMUM_MEMORY:
        raise InvalidArgument("Minimum memory limit allowed is 6MB")
    if swap > 0 and not memory:
        raise InvalidArgument(
            "You should always set the Memory limit when using Memoryswap limit, see usage"
        )
    if 0 < swap < memory:
        raise InvalidArgument(
            "Minimum memoryswap limit should be larger than memory limit, see usage"
        )
    # as in Docker, memory alone allows as much swap again
    return memory, swap or memory * 2


def _cpu(flags: Mapping[str, Any], cpus_online: int) -> tuple[int, int, int]:
    quota = as_int("--cpu-quota", flags.get("cpu_quota"))
    period = as_int("--cpu-period", flags.get("cpu_period"))
    text = flags.get("cpus")
    nano = 0
    if text not in (None, ""):
        try:
            nano = round(parse_cpus(str(text)) * 1_000_000_000)
        except InvalidArgument as error:
            raise bad_argument("--cpus", text, error.message) from None
    if not nano:
        if quota > 0 and quota < 1000:
            raise InvalidArgument("CPU cfs quota can not be less than 1ms (i.e. 1000)")
        if period and not 1000 <= period <= 1_000_000:
            raise InvalidArgument(
                "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s "
                "(i.e. 1000000)"
            )
        return max(quota, 0), period, 0
    for given, name in ((quota, "Quota"), (period, "Period")):
        if given:
            raise InvalidArgument(
                f"Conflicting options: Nano CPUs and CPU {name} cannot both be set"
            )
    # the kernel's least quota is 1 ms of a period of 100 ms, which is 0.01 CPU
    if nano < 10_000_000 or (cpus_online and nano > cpus_online * 1_000_000_000):
        most = f"{cpus_online}.00" if cpus_online else "all of them"
        tail = f", as there are only {cpus_online} CPUs available" if cpus_online else ""
        raise InvalidArgument(f"Range of CPUs is from 0.01 to {most}{tail}")
    return nano // 10_000, 100_000, nano


def _cpuset(text: str, cpus_online: int) -> str:
    most = 0
    for part in text.split(",") if text else ():
        first, dash, last = part.partition("-")
        for number in (first, last) if dash else (first,):
            if not (number.isascii() and number.isdigit() and len(number) < 6):
                raise InvalidArgument(
                    f"Invalid value {text} for cpuset cpus: invalid format: {number}"
                )
        if int(last or first) < int(first):
            raise InvalidArgument(f"Invalid value {text} for cpuset cpus: invalid format: {part}")
        most = max(most, int(last or first))
    if text and cpus_online and most >= cpus_online:
        available = f"0-{cpus_online - 1}" if cpus_online > 1 else "0"
        raise InvalidArgument(
            f"Requested CPUs are not available - requested {text}, available: {available}"
        )
    return text


def shm_size(value: Any) -> int:
    """Return the size of /dev/shm; 0 or nothing is 64 MiB."""
    size = as_bytes("--shm-size", value)
    if size < 0:
        raise bad_argument("--shm-size", value, f"invalid size: '{value}'")
    return size or _SHM_SIZE
