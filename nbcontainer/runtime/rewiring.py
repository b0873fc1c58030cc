"""Change a running container's networks to those of the plan on disk: network connect and disconnect.

The plan before is gone from the disk by then, and a shim need not have read it: it knows by the steps of its
sandbox what was carried out.
"""

from __future__ import annotations

from ..errors import EngineError
from ..values import replace
from . import advice, networks
from .cabling import Cabling
from .plan import CONNECT, Plan, Step
from .steps_network import connect, publish, register_names, write_hosts
from .steps_outside import Outside


def rewire(box: Outside, old: tuple[Step, ...], new: Plan, resolvers: str) -> None:
    """Connect what is new, disconnect what is gone; the rest stays as it is.

    `old`: the steps that were carried out.  `resolvers`: the resolv.conf that the container was given.
    Raises: what connecting raises; then the container is on the networks that it was on.
    """
    before = {step.args["network"]: step for step in old if step.do == "connect"}
    after = {step.args["network"]: step for step in new.of(CONNECT) if step.do == "connect"}
    added = [step for network_id, step in after.items() if network_id not in before]
    gone = [step for network_id, step in before.items() if network_id not in after]
    for step in added:
        _add(box, step)
    for step in gone:
        _remove(box, step)
    try:
        _publish(box, new)
    except EngineError:
        for step in added:
            _remove(box, step)
        raise
    # a container that was renamed is known by its new name
    box.cabling.endpoints[:] = [
        replace(endpoint, names=tuple(after[endpoint.network_id].args["names"]))
        for endpoint in box.cabling.endpoints
    ]
    _keep_way_out(box.cabling)
    _rewrite(new, resolvers)
    _name(box, new)


def _add(box: Outside, step: Step) -> None:
    used = {endpoint.interface for endpoint in box.cabling.endpoints}
    free = next(f"eth{number}" for number in range(1000) if f"eth{number}" not in used)
    is_first = not any(endpoint.gateway or endpoint.gateway6 for endpoint in box.cabling.endpoints)
    args = {**step.args, "interface": free, "is_way_out": is_first}
    try:
        connect(box, args)
    except OSError as error:
        networks.release(args, box.sandbox)
        raise advice.refused("connect", error) from error
    except EngineError:
        networks.release(args, box.sandbox)
        raise


def _remove(box: Outside, step: Step) -> None:
    cabling = box.cabling
    for endpoint in list(cabling.endpoints):
        if endpoint.network_id == step.args["network"]:
            assert cabling.inside is not None
            networks.disconnect(step.args, box.sandbox, cabling.inside, endpoint)
            cabling.endpoints.remove(endpoint)


def _publish(box: Outside, plan: Plan) -> None:
    """Have the published ports lead to where the container is, if that can be reached from outside."""
    steps = [step for step in plan.steps if step.do == "publish"]
    publisher = box.cabling.publisher
    if publisher is not None and not steps:
        publisher.stop()
        box.cabling.publisher = None
    elif publisher is not None:
        publisher.lead_to(box.cabling.endpoints)
    for step in steps if publisher is None else ():
        publish(box, step.args)


def _keep_way_out(cabling: Cabling) -> None:
    """Lead out by the first network that can, if the one that did has gone."""
    for endpoint in cabling.endpoints:
        if endpoint.gateway or endpoint.gateway6:
            assert cabling.inside is not None
            networks.make_way_out(cabling.inside, endpoint)
            return


def resolvers_of(plan: Plan) -> tuple[str, str]:
    """Return the path of a container's resolv.conf and its text."""
    for step in plan.steps:
        if step.do == "write_files":
            name = "resolv.conf"
            return f"{step.args['directory']}/{name}", str(step.args["files"].get(name, ""))
    return "", ""


def _rewrite(new: Plan, before: str) -> None:
    """Write resolv.conf anew, in place since it is mounted, unless the container changed it."""
    path, text = resolvers_of(new)
    if text == before:
        return
    with open(path, "r+", encoding="utf-8", errors="replace") as file:
        if file.read() == before:
            file.seek(0)
            file.truncate()
            file.write(text)


def _name(box: Outside, plan: Plan) -> None:
    for step in plan.steps:
        if step.do == "write_hosts":
            write_hosts(box, step.args)
    steps = [step for step in plan.of(CONNECT) if step.do == "register_names"]
    if not steps and box.cabling.registration is not None:
        box.cabling.registration.close()
        box.cabling.registration = None
    for step in steps:
        register_names(box, step.args)


def tell_again(box: Outside, plan: Plan) -> None:
    """Say the container's names to a new keeper: the old one was killed."""
    if box.cabling.registration is None:
        return
    for step in plan.of(CONNECT):
        if step.do == "register_names":
            register_names(box, step.args)
