"""CreateFlags: the keywords of Engine.run, Engine.create and Engine.plan, for editors and type checkers.

Nothing imports this while it runs; `create.FLAGS` has the same names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

Words = str | Sequence[str]


class CreateFlags(TypedDict, total=False):
    """The flags of run and create: Docker's long names, values as a user types them."""

    add_host: Words
    attach: Words
    cap_add: Words
    cap_drop: Words
    cidfile: str
    cpu_period: int | str
    cpu_quota: int | str
    cpu_shares: int | str
    cpus: str | float
    cpuset_cpus: str
    device: Words
    dns: Words
    dns_option: Words
    dns_search: Words
    entrypoint: Words
    env: Words | Mapping[str, str]
    env_file: Words
    expose: Words
    health_cmd: str
    health_interval: str
    health_retries: int | str
    health_start_interval: str
    health_start_period: str
    health_timeout: str
    hostname: str
    init: bool
    interactive: bool
    ip: str
    ip6: str
    ipc: str
    label: Words | Mapping[str, str]
    label_file: Words
    log_driver: str
    log_opt: Words | Mapping[str, str]
    mac_address: str
    memory: str | int
    memory_swap: str | int
    mount: Words
    name: str
    network: Words
    network_alias: Words
    no_healthcheck: bool
    pid: str
    pids_limit: int | str
    platform: str
    privileged: bool
    publish: Words
    publish_all: bool
    pull: str
    quiet: bool
    read_only: bool
    restart: str
    rm: bool
    security_opt: Words
    shm_size: str | int
    stop_signal: str
    stop_timeout: int | str
    tmpfs: Words
    tty: bool
    ulimit: Words
    user: str | int
    userns: str
    uts: str
    volume: Words
    workdir: str
