"""The grammars of the small flags: environment, labels, hosts, devices, ulimits, names, ports, logs.

Text in, values out; what is wrong is said in Docker's words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from ..errors import InvalidArgument, Unsupported, UsageError, flag_error
from ..units import parse_bytes
from .runtime import Device, LogConfig, RestartPolicy, Ulimit

_WORD = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_NAME = _WORD | frozenset("_.-")
# what --add-host calls the host's own address
HOST_GATEWAY = "host-gateway"
ReadText = Callable[[str], str]


def bad_argument(flag: str, value: object, problem: str) -> UsageError:
    """Return Docker's error for a flag's value."""
    return flag_error(f'invalid argument "{value}" for "{flag}" flag: {problem}')


def is_name(text: str) -> bool:
    """Tell whether an object may be called so: [a-zA-Z0-9][a-zA-Z0-9_.-]*."""
    return bool(text) and text[0] in _WORD and len(text) <= 255 and set(text) <= _NAME


def check_name(name: str) -> str:
    """Return `name` without a leading slash, if a container may have it."""
    name = name.removeprefix("/")
    if len(name) < 2 or not is_name(name):
        raise InvalidArgument(
            f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
        )
    return name


def read_lines(path: str, read_text: ReadText) -> list[str]:
    """Return the lines of an --env-file or --label-file that say something."""
    try:
        text = read_text(path)
    except OSError as error:
        raise InvalidArgument(f"open {path}: {(error.strerror or str(error)).lower()}") from error
    except UnicodeDecodeError as error:
        raise InvalidArgument(f"env file {path} contains invalid utf8 bytes") from error
    lines = []
    for line in text.removeprefix("\ufeff").splitlines():
        line = line.lstrip()
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        name = name.rstrip() if not equals else name
        if not name:
            raise InvalidArgument(f"no variable name on line '{line}'")
        if " " in name or "\t" in name:
            raise InvalidArgument(f"variable '{name}' contains whitespaces")
        lines.append(f"{name}={value}" if equals else name)
    return lines


def parse_env(
    words: Sequence[str], files: Sequence[str], environ: Mapping[str, str], read_text: ReadText
) -> list[str]:
    """Return NAME=value texts and bare NAMEs, the files' first; a bare name is to be unset."""
    found = []
    for path in files:
        for line in read_lines(path, read_text):
            if "=" in line:
                found.append(line)
            elif line in environ:
                found.append(f"{line}={environ[line]}")
    for word in words:
        name, equals, _ = word.partition("=")
        if not name or "\0" in word:
            raise bad_argument("-e, --env", word, f"invalid environment variable: {word}")
        known = environ.get(name) if not equals else None
        found.append(word if known is None else f"{name}={known}")
    return found


def merge_env(*layers: Iterable[str]) -> tuple[str, ...]:
    """Join environments: a later NAME=value takes the earlier's place, a bare NAME removes it."""
    merged: dict[str, str] = {}
    for layer in layers:
        for entry in layer:
            name, equals, value = entry.partition("=")
            if equals:
                merged[name] = value
            else:
                merged.pop(name, None)
    return tuple(f"{name}={value}" for name, value in merged.items())


def parse_labels(
    words: Sequence[str], files: Sequence[str] = (), read_text: ReadText | None = None
) -> dict[str, str]:
    """Return labels, the files' first; a label without `=` is empty."""
    lines = [line for path in files if read_text for line in read_lines(path, read_text)]
    labels = {}
    for word in (*lines, *words):
        name, _, value = word.partition("=")
        if not name.strip():
            raise bad_argument("-l, --label", word, f"invalid label '{word}': empty name")
        labels[name] = value
    return labels


def is_address(text: str) -> bool:
    """Tell whether `text` is an IPv4 or IPv6 address."""
    import socket

    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, text)
        except (OSError, ValueError):
            continue
        return True
    return False


def parse_host(text: str) -> str:
    """Read --add-host `name:address` or `name=address`; return `name:address`."""
    split = text.find("=") if "=" in text else text.find(":")
    if split <= 0 or split == len(text) - 1:
        raise bad_argument("--add-host", text, f'bad format for add-host: "{text}"')
    name, address = text[:split], text[split + 1 :].removeprefix("[").removesuffix("]")
    if address != HOST_GATEWAY and not is_address(address):
        raise bad_argument("--add-host", text, f'invalid IP address in add-host: "{address}"')
    if any(char.isspace() or not char.isprintable() for char in name):
        raise bad_argument("--add-host", text, f'bad format for add-host: "{text}"')
    return f"{name}:{address}"


def parse_dns(text: str) -> str:
    """Read --dns: an address."""
    if not is_address(text.strip()):
        raise bad_argument("--dns", text, f"IP address is not correctly formatted: {text}")
    return text.strip()


def parse_device(text: str) -> Device:
    """Read --device `host-path[:path][:permissions]`."""
    parts = text.split(":")
    source, path, permissions = parts[0], "", "rwm"
    if len(parts) > 3 or not source:
        raise InvalidArgument(f"invalid device specification: {text}")
    if len(parts) == 3:
        path, permissions = parts[1], parts[2]
        if not _is_permission(permissions):
            raise InvalidArgument(f"bad mode specified: {permissions}")
    elif len(parts) == 2:
        if _is_permission(parts[1]):
            permissions = parts[1]
        else:
            path = parts[1]
    path = path or source
    for one in (source, path):
        if not one.startswith("/"):
            raise InvalidArgument(f"{one} is not an absolute path")
    return Device(source, path, permissions)


def _is_permission(text: str) -> bool:
    return 0 < len(text) <= 3 and len(set(text)) == len(text) and set(text) <= set("rwm")


_ULIMITS = (
    "core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack"
).split()


def parse_ulimit(text: str) -> Ulimit:
    """Read --ulimit `name=soft[:hard]`; -1 or unlimited mean no limit."""
    name, equals, value = text.partition("=")
    if not equals or not value:
        raise bad_argument("--ulimit", text, f"invalid ulimit argument: {text}")
    if name not in _ULIMITS:
        raise bad_argument("--ulimit", text, f"invalid ulimit type: {name}")
    parts = value.split(":")
    if len(parts) > 2:
        problem = f"too many limit value arguments - {value}, can only have up to two, "
        raise bad_argument("--ulimit", text, f"{problem}`soft[:hard]`")
    numbers = [_limit(text, part) for part in parts]
    soft, hard = numbers[0], numbers[-1]
    if hard != -1 and (soft == -1 or soft > hard):
        problem = "ulimit soft limit must be less than or equal to hard limit: "
        raise bad_argument("--ulimit", text, f"{problem}{soft} > {hard}")
    return Ulimit(name, soft, hard)


def _limit(text: str, part: str) -> int:
    if part in ("unlimited", "-1"):
        return -1
    if not (part.isascii() and part.isdigit() and len(part) < 20):
        problem = f'strconv.ParseInt: parsing "{part}": invalid syntax'
        raise bad_argument("--ulimit", text, problem)
    return int(part)


def parse_ulimits(words: Sequence[str]) -> tuple[Ulimit, ...]:
    """Read every --ulimit; the last of a name counts."""
    return tuple({limit.name: limit for limit in map(parse_ulimit, words)}.values())


def parse_restart(text: str) -> RestartPolicy:
    """Read --restart `no|always|unless-stopped|on-failure[:count]`."""
    name, colon, count = text.partition(":")
    if not name and not colon:
        return RestartPolicy()
    retries = 0
    if colon:
        try:
            retries = int(count)
        except ValueError:
            raise InvalidArgument(
                "invalid restart policy format: maximum retry count must be an integer"
            ) from None
    if name not in ("no", "always", "unless-stopped", "on-failure"):
        raise InvalidArgument(f"invalid restart policy '{name}'")
    if retries and name != "on-failure":
        raise InvalidArgument(f"maximum retry count cannot be used with restart policy '{name}'")
    if retries < 0:
        raise InvalidArgument("maximum retry count cannot be negative")
    return RestartPolicy(name, retries)


def parse_ports(words: Iterable[str]) -> list[str]:
    """Read --expose `port[-port][/protocol]` into "80/tcp" texts."""
    ports = []
    for word in words:
        numbers, _, protocol = word.partition("/")
        first, dash, last = numbers.partition("-")
        for number in (first, last) if dash else (first,):
            if not (number.isascii() and number.isdigit() and len(number) < 6):
                raise InvalidArgument(
                    f"invalid range format for --expose: {word}, error: "
                    f'strconv.ParseUint: parsing "{number}": invalid syntax'
                )
        low, high = int(first), int(last or first)
        protocol = protocol.lower() or "tcp"
        if not 0 < low <= high < 65536 or protocol not in ("tcp", "udp", "sctp"):
            raise InvalidArgument(f"invalid range format for --expose: {word}")
        ports += [f"{port}/{protocol}" for port in range(low, high + 1)]
    return ports


def parse_log(driver: str, options: Sequence[str]) -> LogConfig:
    """Read --log-driver and --log-opt; only json-file exists, with max-size and max-file."""
    if driver not in ("", "json-file"):
        raise Unsupported(
            f'error looking up logging plugin {driver}: plugin "{driver}" not found',
            "The one log driver here is json-file.",
        )
    default = LogConfig()
    size, files = default.max_size_bytes, default.max_file
    for option in options:
        key, equals, value = option.partition("=")
        if not equals:
            raise InvalidArgument(f"invalid logging opt: {option}")
        if key == "max-size":
            try:
                size = parse_bytes(value)
            except InvalidArgument:
                size = 0
            if size <= 0:
                raise InvalidArgument(f"invalid value for max-size: {value}")
        elif key == "max-file":
            if not (value.isascii() and value.isdigit() and 0 < int(value[:9]) <= 1000):
                raise InvalidArgument(f"max-file cannot be less than 1: {value}")
            files = int(value)
        else:
            raise InvalidArgument(f"unknown log opt '{key}' for json-file log driver")
    return LogConfig(size, files)


def parse_capabilities(words: Iterable[str]) -> tuple[str, ...]:
    """Return capability names in capitals with their CAP_; whether they exist is Linux's affair."""
    found = []
    for word in words:
        for name in word.split(","):
            name = name.strip().upper()
            found.append(name if name in ("", "ALL") else "CAP_" + name.removeprefix("CAP_"))
    return tuple(dict.fromkeys(name for name in found if name))
