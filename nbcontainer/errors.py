"""Every error that nbcontainer raises on purpose, and the two tables that leave the process.

    EngineError                    message, hint
      InvalidArgument      400/125   UsageError, ReferenceInvalid, DockerfileError
      NotFound             404/125   ContainerNotFound, ImageNotFound, VolumeNotFound, NetworkNotFound
      Conflict             409/125   NameInUse, WrongStatus, StillInUse
      Denied               403/125   RegistryDenied
      Unavailable          503/125   HelperGone, RegistryUnreachable, RateLimited
      Unsupported          501/125   HostLacks
      Corrupt              500/125   DigestMismatch, SizeMismatch, StateUnreadable
      StepFailed           500/125   NotExecutable (126), CommandNotFound (127)
      NoSpace              507/125
      ContainerFailed      500/its own exit code; raised only when the caller asked for a check

The class is chosen where the fact is known.  Across a process boundary an error travels as its class's
name and its fields, and comes back only if the name stands in the registry below: a name that is not
there becomes a plain EngineError, never a builtin looked up by name.
"""

from __future__ import annotations

from typing import Any


class EngineError(Exception):
    """State what went wrong in one sentence, and in `hint` the one thing to do about it."""

    http_status = 500
    exit_code = 1

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message

    def _render_traceback_(self) -> list[str]:
        """Give IPython the lines to show instead of a traceback."""
        return self.lines()

    def lines(self) -> list[str]:
        """Return the text a person sees: the message, then the hint where there is one."""
        lines = [f"Error: {self.message}"] + ([f"  {self.hint}"] if self.hint else [])
        return [line if line.isprintable() else _visible(line) for line in lines]

    def details(self) -> dict[str, Any]:
        """Return the fields beyond message and hint that must survive the wire."""
        return {}


class Interrupted(KeyboardInterrupt):
    """End a cell that was interrupted, without the lines of code that a student did not write."""

    def _render_traceback_(self) -> list[str]:
        return ["Interrupted"]


class InvalidArgument(EngineError):
    """Refuse what the user wrote."""

    http_status = 400


class UsageError(InvalidArgument):
    """Refuse a command line: unknown verb, wrong number of arguments, or a flag (exit code 125)."""

    def __init__(self, message: str, hint: str | None = None, *, exit_code: int = 1) -> None:
        super().__init__(message, hint)
        self.exit_code = exit_code

    def details(self) -> dict[str, Any]:
        return {"exit_code": self.exit_code}


def flag_error(message: str, hint: str | None = None) -> UsageError:
    """Return the refusal of a flag: unknown, without its value, or with one that it cannot have."""
    return UsageError(message, hint, exit_code=125)


class ReferenceInvalid(InvalidArgument):
    """Refuse a text that is no image reference."""


class DockerfileError(InvalidArgument):
    """Refuse a Dockerfile, naming the line (counted from 1)."""

    def __init__(self, message: str, hint: str | None = None, *, line: int = 0) -> None:
        super().__init__(message, hint)
        self.line = line

    def details(self) -> dict[str, Any]:
        return {"line": self.line}


class NotFound(EngineError):
    """Say that the named object does not exist."""

    http_status = 404


class ContainerNotFound(NotFound):
    """No container has this name, id or id prefix."""


class ImageNotFound(NotFound):
    """No image has this reference, id or id prefix."""


class VolumeNotFound(NotFound):
    """No volume has this name."""


class NetworkNotFound(NotFound):
    """No network has this name."""


class Conflict(EngineError):
    """Refuse because of what exists already or of the status it is in."""

    http_status = 409


class NameInUse(Conflict):
    """The name is taken by another container."""


class WrongStatus(Conflict):
    """The verb does not apply to an object in this status."""


class StillInUse(Conflict):
    """Something refers to the object, so it cannot go."""


class Denied(EngineError):
    """Say that the caller may not."""

    http_status = 403


class RegistryDenied(Denied):
    """The registry refused these credentials."""


class Unavailable(EngineError):
    """Say that a helper or a peer does not answer; trying again may help."""

    http_status = 503


class HelperGone(Unavailable):
    """A helper process or a container's shim ended or cannot be started."""


class RegistryUnreachable(Unavailable):
    """The registry does not answer."""


class RateLimited(Unavailable):
    """The registry asks to wait until a moment (seconds since the epoch)."""

    def __init__(self, message: str, hint: str | None = None, *, until: float = 0.0) -> None:
        super().__init__(message, hint)
        self.until = until

    def details(self) -> dict[str, Any]:
        return {"until": self.until}


class Unsupported(EngineError):
    """Say that this is not offered."""

    http_status = 501


class HostLacks(Unsupported):
    """This host cannot do it; `feature` is the name that `doctor` shows."""

    def __init__(self, message: str, hint: str | None = None, *, feature: str = "") -> None:
        super().__init__(message, hint)
        self.feature = feature

    def details(self) -> dict[str, Any]:
        return {"feature": self.feature}


class Corrupt(EngineError):
    """Say that stored or received data is not what it claims to be."""


class DigestMismatch(Corrupt):
    """The bytes hash to another digest."""


class SizeMismatch(Corrupt):
    """The bytes are more or fewer than announced."""


class StateUnreadable(Corrupt):
    """A file of the store cannot be understood."""


class CannotWrite(EngineError):
    """What a command printed could not be written: a full disk, a closed descriptor."""


class NoSpace(EngineError):
    """The disk is full, or read-only; nothing was changed."""

    http_status = 507


class StepFailed(EngineError):
    """A step of a plan was refused by Linux; `step` names it, `errno` is Linux's answer."""

    def __init__(
        self, message: str, hint: str | None = None, *, step: str = "", errno: int = 0
    ) -> None:
        super().__init__(message, hint)
        self.step = step
        self.errno = errno

    def details(self) -> dict[str, Any]:
        return {"step": self.step, "errno": self.errno}


class NotExecutable(StepFailed):
    """The command exists and cannot be executed (exit code 126)."""

    http_status = 400
    exit_code = 126


class CommandNotFound(StepFailed):
    """The command does not exist in the container (exit code 127)."""

    http_status = 400
    exit_code = 127


class ContainerFailed(EngineError):
    """The program in the container ended with a code other than 0."""

    def __init__(self, message: str, hint: str | None = None, *, exit_code: int = 1) -> None:
        super().__init__(message, hint)
        self.exit_code = exit_code

    def details(self) -> dict[str, Any]:
        return {"exit_code": self.exit_code}


def _visible(text: str) -> str:
    """Write control characters out: a name in a message may be an image's, and hostile."""
    return "".join(c if c.isprintable() or c in "\n\t" else f"\\x{ord(c):02x}" for c in text)


def _tree(root: type[EngineError]) -> dict[str, type[EngineError]]:
    found = {root.__name__: root}
    for child in root.__subclasses__():
        found.update(_tree(child))
    return found


WIRE_CLASSES = _tree(EngineError)


def to_wire(error: EngineError) -> dict[str, Any]:
    """Return the JSON form in which an error crosses a process boundary."""
    return {
        "class": type(error).__name__,
        "message": error.message,
        "hint": error.hint,
        "details": error.details(),
    }


def from_wire(data: dict[str, Any]) -> EngineError:
    """Rebuild the error that `to_wire` described; an unknown class becomes EngineError."""
    cls = WIRE_CLASSES.get(str(data.get("class")), EngineError)
    message, hint = str(data.get("message", "")), data.get("hint")
    details = data.get("details") or {}
    return cls(message, hint, **details) if cls is not EngineError else EngineError(message, hint)
