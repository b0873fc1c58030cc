"""info and version: Docker's documents, and the lines in which both are shown."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from ..results import Pruned
from ..spec.event import Event
from ..spec.host import HostFeatures
from ..spec.lifecycle import Status
from ..units import binary_bytes, human_bytes, rfc3339
from .words import short_id

API_VERSION = "1.43"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_IDS = {
    "root": "root, with a range of ids of its own",
    "subuid": "rootless, with subordinate ids",
    "single": "rootless, with a single id",
}

DOCTOR_COLUMNS = (
    ("Feature", "FEATURE"),
    ("Verdict", "VERDICT"),
    ("Detail", "DETAIL"),
    ("Remedy", "REMEDY"),
)
EVENT_COLUMNS = (
    ("Clock", "TIME"),
    ("Type", "TYPE"),
    ("Action", "ACTION"),
    ("Name", "NAME"),
    ("ShortID", "ID"),
    ("Details", "DETAILS"),
)


def version(
    *, version: str, python: str, linux: str, machine: str
) -> tuple[dict[str, Any], list[str]]:
    """Return version's document and its lines.  Client and engine are one program here."""
    arch = _ARCHITECTURES.get(machine, machine)
    both = {
        "Version": version,
        "ApiVersion": API_VERSION,
        "PythonVersion": python,
        "Os": "linux",
        "Arch": arch,
    }
    document = {
        "Client": both,
        "Server": {
            **both,
            "Platform": {"Name": "nbcontainer"},
            "KernelVersion": linux,
            "Components": [
                {"Name": "Engine", "Version": version, "Details": {"KernelVersion": linux}}
            ],
        },
    }
    lines = [
        "Client:",
        f" Version:           {version}",
        f" Python version:    {python}",
        f" OS/Arch:           linux/{arch}",
        "",
        "Server: embedded",
        " Engine:",
        f"  Version:          {version}",
        f"  Python version:   {python}",
        f"  Linux version:    {linux}",
        f"  OS/Arch:          linux/{arch}",
    ]
    return document, lines


def info(
    features: HostFeatures,
    *,
    statuses: Sequence[Status],
    images: int,
    version: str,
    home: str,
    run: str,
    name: str,
    system: str,
    cpus: int,
    memory_bytes: int,
    warnings: Sequence[str] = (),
) -> tuple[dict[str, Any], list[str]]:
    """Return info's document and its lines.  `statuses` has one entry a container."""
    running = sum(s in (Status.RUNNING, Status.RESTARTING) for s in statuses)
    paused = sum(s is Status.PAUSED for s in statuses)
    security = ["name=seccomp,profile=builtin"] if features.seccomp else []
    security += ["name=userns", "name=cgroupns"] + (["name=rootless"] * features.is_rootless)
    mode = features.cgroup.mode
    document: dict[str, Any] = {
        "ID": features.boot_id,
        "Containers": len(statuses),
        "ContainersRunning": running,
        "ContainersPaused": paused,
        "ContainersStopped": len(statuses) - running - paused,
        "Images": images,
        "Driver": features.snapshotter,
        "LoggingDriver": "json-file",
        "CgroupDriver": "none" if mode == "none" else "cgroupfs",
        "CgroupVersion": {"v1": "1", "v2": "2"}.get(mode, ""),
        "MemoryLimit": features.cgroup.parent("memory") is not None,
        "PidsLimit": features.cgroup.parent("pids") is not None,
        "CpuCfsQuota": features.cgroup.parent("cpu") is not None,
        "CPUSet": features.cgroup.parent("cpuset") is not None,
        "Plugins": {"Volume": ["local"], "Network": _networks(features), "Log": ["json-file"]},
        "SecurityOptions": security,
        "Rootless": features.is_rootless,
        "IdMode": features.id_mode,
        "KernelVersion": features.linux,
        "OperatingSystem": system,
        "OSType": "linux",
        "Architecture": features.machine,
        "NCPU": cpus,
        "MemTotal": memory_bytes,
        "DockerRootDir": home,
        "RuntimeDir": run,
        "Name": name,
        "ServerVersion": version,
        "Warnings": list(warnings),
    }
    return document, _info_lines(document, features)


def _networks(features: HostFeatures) -> list[str]:
    """Return the drivers that this host allows."""
    return ["none", "host"] if features.network == "none" else ["bridge", "host", "none"]


def network_verdicts(found: Mapping[str, str]) -> list[tuple[str, str, str, str]]:
    """Return what `doctor` says of networks, as (feature, verdict, detail, remedy).

    `found` has the fields of HostFeatures that are about networks, and `closed`: the chains of others that
    keep what is forwarded; nothing where they are not known.
    """
    where = found.get("network")
    if where is None:
        return []
    if where == "none":
        detail = f"{found['network_blocker']}; networks none and host work"
        remedy = "Load the modules bridge and veth as root, or allow network namespaces."
        return [("bridge networks", "missing", detail, remedy)]
    place = {
        "host": "beside the host's own links",
        "own": "in a network namespace of the store's own",
    }[where]
    rows = [("bridge networks", "ok", f"made {place}", "")]
    if where == "own":
        rows.append(_way_out(found.get("way_out", "")))
    elif found.get("nat_blocker"):
        detail = f"{found['nat_blocker']}; ports are forwarded, and nothing else leaves a network"
        rows.append(("way out", "limited", detail, "Load the module nf_tables as root."))
    elif found.get("closed"):
        # "table ip filter, chain FORWARD"
        place = found["closed"].partition(";")[0].replace("table ", "").replace(", chain", "")
        detail = f"{found['closed']} drops what no rule of its own lets through (as Docker's firewall does)"
        rules = [f'insert rule {place} {which} "nbc*" accept' for which in ("iifname", "oifname")]
        remedy = f"As root: nft '{'; '.join(rules)}'"
        rows.append(("way out", "limited", detail, remedy))
    else:
        rows.append(("way out", "ok", "nf_tables, under the host's own address", ""))
    return rows


def _way_out(name: str) -> tuple[str, str, str, str]:
    if name == "proxy":
        remedy = "Install the package passt or slirp4netns, and let this user open /dev/net/tun."
        return "way out", "limited", "a proxy for HTTP and HTTPS alone", remedy
    if not name:
        return "way out", "missing", "nothing could be started that leads out", "See zygote.log."
    return "way out", "ok", name, ""


def _info_lines(document: Mapping[str, Any], features: HostFeatures) -> list[str]:
    blocker = features.cgroup.blocker
    lines = [
        f"Containers: {document['Containers']}",
        f" Running: {document['ContainersRunning']}",
        f" Paused: {document['ContainersPaused']}",
        f" Stopped: {document['ContainersStopped']}",
        f"Images: {document['Images']}",
        f"Server Version: {document['ServerVersion']}",
        f"Storage Driver: {document['Driver']}",
        f"Logging Driver: {document['LoggingDriver']}",
        f"Cgroup Driver: {document['CgroupDriver']}",
        f"Cgroup Version: {document['CgroupVersion']}" if document["CgroupVersion"] else "",
        f"Cgroup Limits: {_controllers(features)}",
        f" Blocker: {blocker}" if blocker else "",
        "Plugins:",
        *(f" {key}: {' '.join(names)}" for key, names in document["Plugins"].items()),
        "Security Options:",
        *(
            f" {option.partition('=')[2].partition(',')[0]}"
            for option in document["SecurityOptions"]
        ),
        f"Identities: {_IDS.get(features.id_mode, features.id_mode)}",
        f"Kernel Version: {document['KernelVersion']}",
        f"Operating System: {document['OperatingSystem']}",
        f"OSType: {document['OSType']}",
        f"Architecture: {document['Architecture']}",
        f"CPUs: {document['NCPU']}",
        f"Total Memory: {binary_bytes(document['MemTotal'])}",
        f"Name: {document['Name']}",
        f"Store: {document['DockerRootDir']}",
        f"Runtime Directory: {document['RuntimeDir']}",
        *(f"WARNING: {text}" for text in document["Warnings"]),
    ]
    return [line for line in lines if line]


def _controllers(features: HostFeatures) -> str:
    return " ".join(sorted(name for name, _ in features.cgroup.parents)) or "none"


def pruned(title: str, deleted: Sequence[str], freed_bytes: int) -> Pruned:
    """Return what a prune says; `title` is "Containers", "Images" or "Volumes"."""
    lines = [*_pruned_part(title, deleted), _reclaimed(freed_bytes)]
    return Pruned(title, deleted, freed_bytes, lines)


def pruned_together(parts: Sequence[Pruned]) -> Pruned:
    """Return what several prunes say as one."""
    freed = sum(part.freed_bytes for part in parts)
    lines = [line for part in parts for line in _pruned_part(part.title, part.deleted)]
    deleted = [name for part in parts for name in part.deleted]
    return Pruned("", deleted, freed, [*lines, _reclaimed(freed)])


def _pruned_part(title: str, deleted: Sequence[str]) -> list[str]:
    return [f"Deleted {title}:", *deleted, ""] if deleted else []


def _reclaimed(freed_bytes: int) -> str:
    return f"Total reclaimed space: {human_bytes(freed_bytes)}"


def usage_row(kind: str, total: int, active: int, size: int, reclaimable: int) -> dict[str, Any]:
    """Return a row of `system df`; sizes are bytes."""
    share = f" ({reclaimable * 100 // size}%)" if size else ""
    return {
        "Type": kind,
        "TotalCount": str(total),
        "Active": str(active),
        "Size": human_bytes(size),
        "Reclaimable": f"{human_bytes(reclaimable)}{share}",
    }


USAGE_COLUMNS = (
    ("Type", "TYPE"),
    ("TotalCount", "TOTAL"),
    ("Active", "ACTIVE"),
    ("Size", "SIZE"),
    ("Reclaimable", "RECLAIMABLE"),
)


def event_row(event: Event) -> dict[str, Any]:
    """Return the fields that a template of events may ask for."""
    return {
        "Type": event.type,
        "Action": event.action,
        "ID": event.id,
        "Actor": {"ID": event.id, "Attributes": dict(event.attributes)},
        "Time": event.time_ns // 1_000_000_000,
        "TimeNano": event.time_ns,
        "Scope": "local",
        "Status": event.action,
        "From": event.attributes.get("image", ""),
    }


def event_json(event: Event) -> dict[str, Any]:
    """Return an event as Docker's JSON has it: some keys are written small there."""
    row = event_row(event)
    small = {
        key: key[0].lower() + key[1:] for key in ("Status", "From", "Scope", "Time", "TimeNano")
    }
    small["ID"] = "id"
    return {small.get(key, key): row[key] for key in row}


def event_cells(event: Event) -> dict[str, str]:
    """Return the texts under EVENT_COLUMNS."""
    attributes = event.attributes
    clock = time.localtime(event.time_ns // 1_000_000_000)
    return {
        "Clock": f"{time.strftime('%H:%M:%S', clock)}.{event.time_ns // 1_000_000 % 1000:03d}",
        "Type": event.type,
        "Action": event.action,
        "Name": attributes.get("name", "") or (event.id if event.type == "volume" else ""),
        "ShortID": "" if event.type == "volume" else short_id(event.id),
        "Details": ", ".join(f"{k}={attributes[k]}" for k in sorted(attributes) if k != "name"),
    }


def event_line(event: Event) -> str:
    """Return an event as Docker prints it."""
    pairs = ", ".join(f"{key}={event.attributes[key]}" for key in sorted(event.attributes))
    text = f"{rfc3339(event.time_ns, fixed=True)} {event.type} {event.action} {event.id}"
    return f"{text} ({pairs})" if pairs else text


_VERDICTS = {"ok": "yes", "limited": "limited", "missing": "no"}


def doctor_row(feature: str, verdict: str, detail: str, remedy: str) -> dict[str, Any]:
    """Return a row of doctor; `verdict` is ok, limited or missing."""
    return {
        "Feature": feature,
        "Verdict": _VERDICTS.get(verdict, verdict),
        "Detail": detail,
        "Remedy": remedy,
    }
