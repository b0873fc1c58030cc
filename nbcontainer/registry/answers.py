"""What a registry's refusals mean: its JSON errors and statuses, in Docker's words and our classes."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from ..errors import (
    Corrupt,
    EngineError,
    ImageNotFound,
    InvalidArgument,
    NotFound,
    RateLimited,
    RegistryDenied,
    RegistryUnreachable,
    Unavailable,
    Unsupported,
)
from ..values import value
from .exchange import Answer, Request

_ERROR_BYTES = 1 << 20
_SHOWN = 300
_NOT_FOUND = (
    "MANIFEST_UNKNOWN",
    "NAME_UNKNOWN",
    "NOT_FOUND",
    "BLOB_UNKNOWN",
    "BLOB_UPLOAD_UNKNOWN",
)
_WAIT_LIMIT_S = 7 * 86400.0


@value
class Refusal:
    """A registry's own words: `code` as the specification has it ("" if it gave none)."""

    code: str = ""
    message: str = ""

    def __str__(self) -> str:
        # as Docker writes an error code: "manifest unknown: manifest unknown"
        words = self.code.lower().replace("_", " ")
        return f"{words}: {self.message}" if words and self.message else words or self.message


def error_of(request: Request, answer: Answer) -> EngineError:
    """Read a refusal, close it, and return the error to raise."""
    status, headers = answer.status, dict(answer.headers.items())
    refusal = _read(answer)
    host = urlsplit(request.url).netloc
    if status == 429 or refusal.code == "TOOMANYREQUESTS":
        return rate_limited(host, refusal, headers)
    if status == 401 or refusal.code == "UNAUTHORIZED":
        asked = headers.get("WWW-Authenticate", headers.get("Www-Authenticate", ""))
        words = "no basic auth credentials" if asked.lower().startswith("basic") else ""
        said = str(refusal) or "unauthorized: authentication required"
        return RegistryDenied(words or said, f"`login {host}` gives it your account.")
    if status == 403 or refusal.code == "DENIED":
        said = str(refusal) or "denied: requested access to the resource is denied"
        return RegistryDenied(said, f"Does your account at {host} have the right to do this?")
    if status == 404 or refusal.code in _NOT_FOUND:
        kind = ImageNotFound if refusal.code in ("MANIFEST_UNKNOWN", "NAME_UNKNOWN") else NotFound
        return kind(str(refusal) or f"{_shown(request)}: not found")
    if status in (405, 501) or refusal.code == "UNSUPPORTED":
        said = str(refusal) or "the operation is unsupported"
        return Unsupported(f"{_shown(request)}: {said}")
    if refusal.code in ("DIGEST_INVALID", "SIZE_INVALID", "MANIFEST_INVALID"):
        return Corrupt(f"{_shown(request)}: {refusal}")
    if status == 507:
        # another try would send all of it again, to the same end
        said = str(refusal) or "insufficient storage"
        return Unavailable(f"{_shown(request)}: {said}", f"The disk of {host} is full.")
    if status >= 500:
        said = f": {refusal}" if str(refusal) else ""
        return RegistryUnreachable(
            f"{_shown(request)}: received unexpected HTTP status {status}{said}", "Try again later."
        )
    said = str(refusal) or f"received unexpected HTTP status {status}"
    return InvalidArgument(f"{_shown(request)}: {said}")


def refusal_code(error: EngineError) -> str:
    """Return the code with which Docker's words in an error begin, in the specification's spelling."""
    return error.message.partition(":")[0].upper().replace(" ", "_")


def rate_limited(host: str, refusal: Refusal, headers: Mapping[str, str]) -> RateLimited:
    """Return the error that says when a limit ends and what to do."""
    now = time.time()
    wait_s = retry_after(headers, now)
    said = refusal.message or "too many requests"
    message = f"toomanyrequests: {said}"
    if wait_s is None:
        return RateLimited(message, f"Wait and try again, or `login {host}` for a higher limit.")
    until = now + wait_s
    clock = time.strftime("%H:%M:%S", time.localtime(until))
    when = f"at {clock} (in {max(1, round(wait_s))} s)"
    hint = f"{host} answers again {when}; `login {host}` may raise the limit."
    return RateLimited(message, hint, until=until)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return how many seconds a registry asks to wait, None where it does not say."""
    for name, text in headers.items():
        if name.lower() != "retry-after":
            continue
        text = text.strip()
        if text.isascii() and text.isdigit() and len(text) < 10:
            return min(float(text), _WAIT_LIMIT_S)
        try:
            wait_s = parsedate_to_datetime(text).timestamp() - now
        except (ValueError, TypeError, OverflowError):
            return None
        return min(max(wait_s, 0.0), _WAIT_LIMIT_S)
    return None


def _read(answer: Answer) -> Refusal:
    try:
        data = answer.all(_ERROR_BYTES)
        told: Any = json.loads(data) if data.strip() else {}
        first = told["errors"][0] if isinstance(told, dict) and told.get("errors") else told
        if not isinstance(first, dict):
            return Refusal()
        code, message = first.get("code"), first.get("message") or first.get("details")
        return Refusal(_clean(code), _clean(message))
    except (EngineError, ValueError, LookupError, TypeError, RecursionError):
        # a page of a proxy, or nothing at all: the status says enough
        return Refusal()


def _clean(text: Any) -> str:
    """Return a registry's text as one short line: it is a stranger's."""
    if not isinstance(text, str):
        return ""
    return " ".join("".join(c if c.isprintable() else " " for c in text[:1000]).split())[:_SHOWN]


def _shown(request: Request) -> str:
    return f'{request.method.capitalize()} "{request.url.partition("?")[0]}"'
