"""The container that nobody asked for: the default configuration, for which sandboxes are prepared."""

from __future__ import annotations

import os
import time

from ..linux import capabilities
from ..spec.host import HostFeatures
from ..spec.network import BRIDGE, Attachment
from ..spec.runtime import Namespaces, RuntimeConfig, Security
from ..store.layout import Layout
from ..values import replace
from .network_probe import DefaultNetwork
from .plan import Places, Plan
from .planner import plan_for
from .planner_network import host_resolvers


def idle_config(host: HostFeatures) -> RuntimeConfig:
    """Return the default configuration, of a container that does not exist."""
    keep = capabilities.resolve(last_capability=host.last_capability)
    config = RuntimeConfig("0", "0", "", "", 0, (), (), security=Security(keep))
    if host.network == "none":
        return config
    return replace(config, networks=(Attachment(BRIDGE),), namespaces=Namespaces(network=BRIDGE))


def idle_plan(layout: Layout, host: HostFeatures) -> Plan:
    """Return its plan, of which the first steps are everybody's; the store's own network is there then."""
    places = Places(layout.home, "", (), {}, run=layout.run)
    if host.network != "none":
        network = DefaultNetwork(layout, host.network).settle(os.urandom(32).hex(), time.time_ns())
        places = replace(places, networks=(network,), resolvers=host_resolvers())
    return plan_for(idle_config(host), host, places)
