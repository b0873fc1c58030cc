"""The shim: one process a container; owns its state, log, exit code, streams and all later requests.

It outlives notebook, foreman and zygote.  Its life: clone init, be given a container whose program runs (see
`waiting` and `adoption`), serve, and when the program has ended write the truth, release what the plan
made, start anew where the policy says so, or remove.  `service.py` answers the requests; this file
decides what happens to the container.

A page of memory that it touches is its own from then on, so it does and reads what a quiet container
needs, and the rest when it comes to that.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import time

from ..errors import EngineError, HostLacks
from ..linux import cgroup, process, syscalls
from ..spec.lifecycle import Health, State, Status
from ..spec.runtime import RuntimeConfig
from ..spec.signals import signal_number
from ..store.files import Lock
from ..store.layout import Layout
from ..values import replace
from . import advice, again, ending, removal, wire
from .adoption import Adoption, ItRuns, as_session
from .cabling import Cabling
from .execs import ExecProcess
from .health import HealthMonitor, active_check
from .logs import LogWriter
from .loop import READ, Loop, Timer
from .notes import Notes, note
from .own_record import OwnRecord
from .plan import Plan
from .restarts import Backoff, is_to_restart
from .sandbox import Sandbox
from .service import Service
from .shim_network import ShimNetwork
from .streams import Streams

_LINGER_S = 30.0
# how long a program may take to end when who ran it in the foreground has vanished
_ABANDONED_S = 3.0


class Shim:
    """The life of one container in this process."""

    def __init__(
        self,
        layout: Layout,
        sandbox: Sandbox,
        programs: dict[str, bytes],
        control: socket.SocketType,
        given: Adoption,
    ) -> None:
        """`control` leads to the foreman, which may have gone."""
        self.layout = layout
        self.id = given.container_id
        self.loop = Loop()
        self.directory = layout.container(self.id)
        self.programs = programs
        self.sandbox = sandbox
        self.streams = Streams(self.loop, LogWriter(f"{self.directory}/log.jsonl", *given.log))
        self.listener = as_session(given.listener)
        self.execs: dict[int, ExecProcess] = {}
        self.network = ShimNetwork(self)
        self.stopping = False
        self.start_again = False
        self._own = OwnRecord(layout, self.id)
        self._lock = Lock.held_by(f"{self.directory}/lock", given.lock)
        self._service: Service | None = None
        self._pidfd = -1
        self._backoff = Backoff()
        self._kill_timers: list[Timer] = []
        self._restart_timer: Timer | None = None
        self._health: HealthMonitor | None = None
        self._ended = False
        self._exited_with = wire.Exited(0)
        self._is_restarted = given.is_restarted
        self._control = control
        self._has_check = given.has_check
        self._take_streams(given)

    # -- beginning

    def _take_streams(self, given: Adoption) -> None:
        streams = self.streams
        streams.keep_stdin = given.keeps_stdin
        streams.on_idle = self.leave_if_idle
        streams.on_abandoned = self._abandoned
        self.has_terminal = given.pipes[1] < 0
        if not self.has_terminal:
            streams.take_pipes(given.pipes)
        # who spawned us is attached from the first byte; a detached one closed its end already
        if given.session >= 0:
            client = streams.attach(as_session(given.session), stdin=given.takes_stdin)
            client.owns = given.owned
        self.loop.watch(self.listener.fileno(), READ, self._accept)

    def begin(self, told: ItRuns) -> None:
        """Take over the container, whose program runs."""
        self._own.give(told.state)
        if self.has_terminal:
            self.streams.open_terminal(told.master)
        box = self.sandbox.box
        box.kept += told.kept
        box.cabling.take(told.cabling, told.cables, told.mode)
        if box.cabling.publisher is not None:
            box.cabling.publisher.forward(self.sandbox.pid)
        self._watch_program(self._has_check)

    def run(self) -> None:
        """Live the container's life; returns when nothing is left to do."""
        gc.enable()  # the zygote needs none, a long life does
        notes = Notes("shim")
        while self.loop.running:
            try:
                self.loop.step()
                self._reap()
            except (OSError, EngineError) as error:
                # a client may fail and a table be full; neither may end the container
                notes.add(error)
        self._leave()

    @property
    def state(self) -> State:
        """The container's state as it was written last."""
        return self._own.state

    @property
    def config(self) -> RuntimeConfig:
        """What the container was created with.  Raises: StateUnreadable."""
        return self._own.open()[0]

    @property
    def plan(self) -> Plan:
        """The container's plan.  Raises: StateUnreadable."""
        return self._own.open()[1]

    def _accept(self, events: int) -> None:
        self.service.accept(events)

    @property
    def service(self) -> Service:
        """Who answers requests; made with the first."""
        if self._service is None:
            self._service = Service(self)
        return self._service

    def _abandoned(self) -> None:
        """Who ran the program in the foreground vanished without letting go: it is not to go on alone."""
        if not self._ended:
            self.stop(signal_number(self.config.stop_signal), _ABANDONED_S, False)

    def _watch_program(self, has_check: bool) -> None:
        self._pidfd = syscalls.pidfd_open(self.sandbox.pid)
        self.loop.watch(self._pidfd, READ, lambda events: None)
        self.network.watch()
        if has_check:
            probe = self.service.probe
            self._health = HealthMonitor(self.loop, self.config, probe, self._health_changed)

    def _health_changed(self, health: Health) -> None:
        before = self.state.health
        self._save(replace(self.state, health=health))
        if before is None or before.status != health.status:
            self.publish(f"health_status: {health.status}")

    # -- while it lives

    def publish(self, action: str, **attributes: str) -> None:
        """Publish an event of this container."""
        self._own.publish(action, attributes)

    def _save(self, state: State) -> None:
        self._own.save(state)

    def signal(self, number: int) -> None:
        """Send a signal to the first process."""
        if self._pidfd >= 0:
            syscalls.pidfd_send_signal(self._pidfd, number)

    def signal_exec(self, exec_id: str, number: int) -> None:
        """Send a signal to a process that joined; one that has ended is no error."""
        for pid, found in self.execs.items():
            if found.exec_id == exec_id:
                os.kill(pid, number)

    def stop(self, number: int, timeout_s: float, again: bool) -> None:
        """Ask the program to end, insist after the timeout; `again`: start anew afterwards."""
        self.stopping = True
        self.start_again = again
        if self._restart_timer is not None:
            self._restart_timer.cancel()
            self._restart_timer = None
            if again:
                self._start_anew()
            else:
                self._give_up(replace(self.state, stopped_by_user=True))
            return
        if self.state.status is Status.PAUSED:
            self.pause(False)
        self.signal(number)
        if timeout_s >= 0:
            # each who asks has its own patience, and the shortest counts
            self._kill_timers.append(self.loop.after(timeout_s, self.kill))

    def _give_up(self, state: State) -> None:
        """Start the program no more: it has ended before, and that was told."""
        doomed: tuple[str, ...] = ()
        self._save(replace(state, status=Status.EXITED, sandbox=""))
        self._exited_with = wire.Exited(state.exit_code, state.oom_killed)
        if self.config.auto_remove:
            doomed = removal.take_out(self.layout, self.config)
            self.publish("destroy")
        self._end(doomed)

    def kill(self) -> None:
        """End the first process, also a frozen one."""
        self.signal(signal.SIGKILL)
        if self.state.status is Status.PAUSED:
            self.pause(False)

    def pause(self, on: bool) -> None:
        """Freeze or thaw all processes.  Raises: HostLacks where no freezer is."""
        box = self.sandbox.box
        if "freezer" not in dict(box.controllers):
            raise HostLacks("this host cannot pause containers", feature="cgroup freezer")
        if self._health is not None:
            # a frozen probe tells nothing, and a new one would freeze before it is a program
            (self._health.stop if on else self._health.resume)()
        (cgroup.freeze if on else cgroup.thaw)(box.mode, box.controllers, self.sandbox.name)
        self._save(replace(self.state, status=Status.PAUSED if on else Status.RUNNING))
        self.publish("pause" if on else "unpause")

    def replan(self, plan: Plan) -> None:
        """Have another plan from now on."""
        self._own.replan(plan)

    def tell_places(self, cabling: Cabling) -> None:
        """Write down the container's places on networks and its published ports."""
        self._save(replace(self.state, endpoints=(*cabling.endpoints,), ports=cabling.ports))

    # -- the end of processes

    def _reap(self) -> None:
        for pid, status in process.reap():
            if pid == self.sandbox.pid:
                self.exited(process.exit_code(status))
            elif (found := self.execs.pop(pid, None)) is not None:
                found.ended(status)

    def exited(self, code: int) -> None:
        """Its program has ended: drain its output, then start it anew or end for good."""
        for timer in self._kill_timers:
            timer.cancel()
        self._kill_timers = []
        if self._health is not None:
            self._health.stop()
            self._health = None
        self.network.forget()
        self.loop.forget(self._pidfd)
        os.close(self._pidfd)
        self._pidfd = -1
        self.streams.drain()
        self.streams.close()
        oom = code == 128 + signal.SIGKILL and self.sandbox.box.ran_out_of_memory()
        if not self.start_again and (self.stopping or not self._is_restarted):
            self._end_for_good(code, oom)
            return
        ran_s = (time.time_ns() - self.state.started_ns) / 1e9
        ended = ending.exited(self.state, code, oom=oom, stopped=False)
        policy, count = self.config.restart, self.state.restart_count
        if not self.start_again and not is_to_restart(policy, code, count):
            self._end_for_good(code, oom)
            return
        if oom:
            self.publish("oom")
        status = Status.EXITED if self.start_again else Status.RESTARTING
        self._save(replace(ended, status=status))
        self.publish("die", exitCode=str(code))
        if self.start_again:
            self.publish("restart")
            # a restart is an end and a start: who waited for an end has seen one
            self.service.answer_waiting(wire.Exited(code, oom))
            self._start_anew()
        else:
            self._restart_timer = self.loop.after(self._backoff.next_s(ran_s), self._start_anew)

    def _end_for_good(self, code: int, oom: bool) -> None:
        """Have the end written down by the foreman, whose memory is warm, or do it here."""
        ended = ending.Ended(self._own.encoded, code, oom, self.stopping)
        self._exited_with = wire.Exited(code, oom)
        # whatever is asked until then is asked of a container that has ended
        self._own.set(ended.exited())
        try:
            wire.send_bytes(self._control, ended.pack())
        except OSError:
            self._settle(ended)
            return
        self.loop.watch(self._control.fileno(), READ, lambda events: self._settled(ended))
        # one that was stopped tells nothing, and does not end either
        self.loop.after(ending.PATIENCE_S, lambda: self._settled(ended))

    @property
    def has_exited(self) -> bool:
        """Tell whether the program has ended for good, be it written down or not."""
        return self.state.status is Status.EXITED

    def _settled(self, ended: ending.Ended) -> None:
        """The foreman has done it; or it was killed, or does not answer: then it is done here."""
        if self._ended:
            return
        self.loop.forget(self._control.fileno())
        try:
            word = self._control.recv(wire.PACKET_LIMIT, socket.MSG_DONTWAIT)
        except OSError:
            word = b""
        if word:
            self._end(tuple(json.loads(word)))
        else:
            self._settle(ended)

    def _settle(self, ended: ending.Ended) -> None:
        doomed: tuple[str, ...] = ()
        try:
            record, config = self._own.record, self.config
            doomed = ending.settle(
                self.layout, record, config, ended.exited(), stopped=ended.stopped
            )
        except EngineError as error:
            # its files are damaged: the truth is told all the same
            note("shim", error)
            self._save(replace(ended.exited(), sandbox=""))
        self._end(doomed)

    def _start_anew(self) -> None:
        self._restart_timer = None
        count = self.state.restart_count + (0 if self.start_again else 1)
        self.stopping = self.start_again = False
        name = self.sandbox.name
        self.sandbox.undo()
        self._own.set(replace(self.state, restart_count=count))
        try:
            self.sandbox = Sandbox(again.steps(self.plan, self.layout), self.programs, name)
            try:
                self._launch()
            except OSError as error:
                raise advice.refused("start", error) from error
        except EngineError as error:
            code = ending.never_ran(error)
            self._give_up(replace(self.state, exit_code=code, error=error.message))

    def _launch(self) -> None:
        """Start the program once more, in a sandbox of the same name.  Raises: StepFailed and its kin."""
        config, plan = self._own.open()
        again.launch(self.sandbox, self.streams, config, plan, self.layout.stage)
        self._save(again.running(self.sandbox, config, self.state.restart_count))
        self._watch_program(active_check(config) is not None)
        self.publish("start")
        self.streams.tell(wire.Started(self.sandbox.pid))
        self.service.started()

    def _end(self, doomed: tuple[str, ...] = ()) -> None:
        """The container is over and written down: tell, release, leave once every client has read all."""
        if self._ended:
            return
        self._ended = True
        # who hears of the end may ask for the same ports at once
        self.sandbox.box.cabling.unpublish()
        self._lock.release()
        self.streams.finish(self._exited_with)
        if self._service is not None:
            self._service.finish(self._exited_with)
        self.sandbox.undo()
        removal.delete(doomed)
        self.loop.after(_LINGER_S, self._stop_loop)
        self.leave_if_idle()

    def leave_if_idle(self) -> None:
        """Leave if the container is over and nobody listens any more."""
        is_idle = self._service is None or self._service.is_idle
        if self._ended and self.streams.is_idle and is_idle:
            self._stop_loop()

    def _stop_loop(self) -> None:
        self.loop.running = False

    def _leave(self) -> None:
        self.listener.close()
        try:
            os.unlink(self.layout.shim_socket(self.sandbox.name))
        except OSError:
            pass
        self._lock.release()
