"""Brings the stack up and down. One stack for a folder, however many ask for it at once."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import httpx
import psutil

from deployments.local.environment import child_environment, prefect_api
from deployments.local.health import StackFailed, given_up, other_checks, server_checks, wait_for
from deployments.local.interrupts import deferred, ignored
from deployments.local.layout import Layout
from deployments.local.leftovers import end_leftovers, end_processes
from deployments.local.locks import is_held, locked
from deployments.local.parts import parts_of, supervisor_config
from deployments.local.pools import make_pools, register_deployments
from deployments.local.ports import choose_port
from deployments.local.record import Process, Record, changed_settings, marks_of, read_record
from deployments.local.supervise import part_states, start_supervisor
from deployments.registration.automations import register_automations
from settings import Settings

STOP_WAIT = 40.0
Say = Callable[[str], object]


def up(settings: Settings, say: Say) -> Record:
    """The running stack, started if it was not, healthy. Raises StackFailed."""
    layout = Layout(settings.stack.path)
    said = False
    while True:
        with locked(layout.lock):
            record = read_record(layout.record)
            if record is None or record.owner is None or record.owner.find() is None:
                return _ensure(settings, layout, record, say, owned=False)
        if not said:
            say(f"A make run (process {record.owner.pid}) ends the running stack when it is done; waiting for that.")
            said = True
        time.sleep(0.5)


@contextmanager
def in_use(settings: Settings, say: Say) -> Iterator[tuple[Record, bool]]:
    """The running stack, and whether it was started for this use: then it ends with it, or with this process.

    Another `make run` may use it too; its own end waits for that one, unless it was interrupted. Raises StackFailed.
    """
    layout = Layout(settings.stack.path)
    with ExitStack() as held:
        with locked(layout.lock):
            held.enter_context(locked(layout.users, shared=True))
            running = read_record(layout.record)
            record = _ensure(settings, layout, running, say, owned=running is None)
        ours = record.owner == Process.of(os.getpid())
        try:
            yield record, ours
            held.close()
            if ours:
                if is_held(layout.users):
                    say("Another make run uses the stack; it is ended after that.")
                with locked(layout.lock), locked(layout.users):
                    _end_undisturbed(layout)
        except BaseException:
            if ours:
                _end_undisturbed(layout)
            raise


def down(layout: Layout) -> bool:
    """Ends every process of the stack, also under the hands of a `make run`. Returns whether there was any."""
    supervisor = _supervisor(layout)
    if supervisor is not None:
        end_processes([supervisor], STOP_WAIT)
    with locked(layout.lock):
        return _end(layout) or supervisor is not None


def _ensure(settings: Settings, layout: Layout, record: Record | None, say: Say, *, owned: bool) -> Record:
    if record is not None and record.ready:
        if changed := changed_settings(record, settings):
            names = ", ".join(changed)
            raise StackFailed(f"the running stack was started with other settings ({names}); run `make down` first")
        if not (failed := given_up(layout)):
            return _make_ready(settings, layout, record)
        say(f"{', '.join(failed)} had failed too often: the stack is started anew.")
    try:
        return _start(settings, layout, say, owned=owned)
    except BaseException:
        _end_undisturbed(layout)
        raise


def _start(settings: Settings, layout: Layout, say: Say, *, owned: bool) -> Record:
    if _end(layout):
        say("Ended what an earlier stack had left behind.")
    layout.make()
    prefect_port = _port("the Prefect server", settings.stack.prefect_port, say)
    invoker_port = _port("the invoker", settings.invoker.port, say)
    environment = child_environment(layout, prefect_port=prefect_port, invoker_port=invoker_port)
    layout.supervisor_config.write_text(supervisor_config(layout, parts_of(settings.stack, layout)))
    with deferred():
        record = Record(
            supervisor=Process.of(start_supervisor(layout, environment, owned=owned)),
            owner=Process.of(os.getpid()) if owned else None,
            ready=False,
            prefect_ui=f"http://127.0.0.1:{prefect_port}",
            prefect_api=prefect_api(prefect_port),
            invoker=f"http://127.0.0.1:{invoker_port}",
            logs=layout.logs,
            settings=marks_of(settings),
        )
        record.write(layout.record)
    return _make_ready(settings, layout, record)


def _port(name: str, wanted: int, say: Say) -> int:
    port = choose_port(wanted)
    if wanted and port != wanted:
        say(f"Port {wanted} is taken by another process: {name} uses {port}.")
    return port


def _make_ready(settings: Settings, layout: Layout, record: Record) -> Record:
    wait_for(server_checks(record), layout, record)
    try:
        with httpx.Client(base_url=record.prefect_api, timeout=30) as client:
            make_pools(client, settings.stack, layout)
            register_deployments(client, settings, record.prefect_api, layout)
            register_automations(client, settings)
    except httpx.HTTPError as error:
        raise StackFailed(f"the Prefect server took no registration ({error}); see {layout.logs}") from None
    wait_for(other_checks(settings.stack, layout, record), layout, record)
    parts = {state["name"]: state["pid"] for state in part_states(layout)}
    ready = record.model_copy(update={"ready": True, "parts": parts})
    ready.write(layout.record)
    return ready


def _supervisor(layout: Layout) -> psutil.Process | None:
    record = read_record(layout.record)
    return record.supervisor.find() if record else None


def _end(layout: Layout) -> bool:
    """Asks the supervisor to end everything in order; then ends by force what is left."""
    supervisor = _supervisor(layout)
    if supervisor is not None:
        end_processes([supervisor], STOP_WAIT)
    left = end_leftovers(layout.root)
    layout.record.unlink(missing_ok=True)
    shutil.rmtree(layout.sockets, ignore_errors=True)
    return supervisor is not None or left > 0


def _end_undisturbed(layout: Layout) -> None:
    """A second Ctrl-C must not leave half of the stack running."""
    with ignored():
        _end(layout)
