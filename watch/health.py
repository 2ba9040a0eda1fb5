"""The health checks: each looks at one part as a run would use it."""

import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, date, datetime, timedelta

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import WorkPoolStatus
from prefect.utilities.urls import url_for

from errors import Permanent, Retryable
from messenger.contract import ORCHESTRATE
from messenger.probe import round_trip
from pipelines import is_used
from register.register import Run
from settings import Settings
from warehouse.warehouse import Warehouse
from watch.alert import LONGEST_TEXT, Alert, Cause, about_run
from watch.finding import Check, Found
from watch.identity import identity
from watch.late import late_dates
from watch.tell import tell_untold
from wiring import open_messenger, open_register, open_warehouse

MOST_LOOKED_AT = 200
"""Runs, and deployments; Prefect's own bound of one answer."""
MOST_NAMED = 5


class NotWell(Permanent):
    """The part answers, and what it says is not good."""


class NoAnswer(Retryable):
    """The part does not answer."""


def checks(client: SyncPrefectClient, settings: Settings) -> Sequence[Check]:
    """Every part, each check under the name that its alerts are about."""
    return (
        Check("messenger", lambda: messages_arrive(settings)),
        Check("dead letters", lambda: no_dead_letters(settings), cause="dead-letters"),
        Check("invoker", lambda: invoker_is_ready(settings)),
        Check("warehouse", lambda: warehouse_opens(settings)),
        Check("orders", lambda: orders_are_fresh(settings)),
        Check("workers", lambda: pools_have_workers(client, settings)),
        Check("dates", lambda: dates_are_confirmed(client, settings), cause="late"),
        Check("runs", lambda: runs_move(settings), cause="stuck"),
        Check("alerts", alerts_are_told),
    )


def messages_arrive(settings: Settings) -> Found:
    with closing(open_messenger(settings)) as messenger:
        if missing := messenger.missing():
            raise NotWell(f"missing: {'; '.join(missing)}")
        took = round_trip(messenger, within=settings.health.patience)
    return Found(f"a message and back in {took * 1000:.0f} ms")


def no_dead_letters(settings: Settings) -> Found:
    with closing(open_messenger(settings)) as messenger:
        dead = messenger.dead_letters()
    if not dead:
        return Found("none")
    said = f"{len(dead)} wait for a person, the oldest since {dead[0].buried_at:%Y-%m-%d %H:%M %Z}: {dead[0].reason}"
    return Found(said, (_alert("dead-letters", "messenger", said),))


def invoker_is_ready(settings: Settings) -> Found:
    address = settings.health.invoker or settings.invoker.address
    try:
        who = identity(address, within=settings.health.patience)
        answer = httpx.get(f"{address}/readiness", headers=who, timeout=settings.health.patience)
    except httpx.HTTPError as error:
        raise NoAnswer(f"{address} does not answer ({type(error).__name__})") from None
    if not answer.is_success:
        raise NotWell(f"{address}/readiness says {answer.status_code}: {answer.text[:300]}")
    return Found("ready")


def warehouse_opens(settings: Settings) -> Found:
    """For writing, as a run needs it. While a run holds it, it is busy, which is no failure."""
    warehouse = _warehouse(settings)
    began = time.monotonic()
    warehouse.prepare()
    days = warehouse.scored_days()
    took = time.monotonic() - began
    newest = f"the newest scored date is {days[-1].run_date}" if days else "nothing is scored yet"
    return Found(f"opened and read in {took:.1f} s; {newest}")


def orders_are_fresh(settings: Settings) -> Found:
    """Of the newest scored date, by what its ledger row says: never by the clock, so that an old date can be scored.
    That the newest date itself is not old is what `dates` looks at, by the schedule.
    """
    warehouse = _warehouse(settings)
    days = warehouse.scored_days()
    if not days:
        return Found("nothing is scored yet")
    scored = days[-1]
    features = warehouse.ledger_row(str(scored.facts.get("features_run") or scored.run_id), "features")
    if features is None or "newest_order" not in features.facts:
        return Found(f"not known of {scored.run_date}, which was scored by an older version")
    newest = features.facts["newest_order"]
    if newest is None:
        raise NotWell(f"{scored.run_date} was scored without a single order: is the file the right one?")
    age = (scored.run_date - date.fromisoformat(str(newest))).days
    said = f"the newest order of {scored.run_date} is of {newest}, {age} days before"
    if age > settings.source.orders_due:
        raise NotWell(f"{said}; SOURCE_ORDERS_DUE allows {settings.source.orders_due}: is the file complete?")
    return Found(said)


def pools_have_workers(client: SyncPrefectClient, settings: Settings) -> Found:
    """Of the pools whose deployments are used where the steps run now (STEPS_PLATFORM, STEPS_ELSEWHERE): nobody needs a
    worker on the others. A pool is ready while one of its workers is heard of.
    """
    flows = {flow.id: flow.name for flow in client.read_flows(limit=MOST_LOOKED_AT)}
    used = {
        deployment.work_pool_name
        for deployment in client.read_deployments(limit=MOST_LOOKED_AT)
        if is_used(f"{flows.get(deployment.flow_id)}/{deployment.name}", settings.steps)
    }
    pools = [pool for pool in client.read_work_pools() if pool.name in used]
    lacking = [pool.name for pool in pools if pool.status != WorkPoolStatus.READY]
    if lacking:
        raise NotWell(f"no worker takes runs of {', '.join(lacking)}: ended, not started yet, or the pool is paused")
    return Found(f"{len(pools)} pools have workers")


def dates_are_confirmed(client: SyncPrefectClient, settings: Settings) -> Found:
    late = late_dates(client, settings, datetime.now(UTC))
    if not late:
        return Found("every scheduled date is confirmed, or not due yet")
    alerts = [
        _alert("late", about_run(due.pipeline, due.run_date), f"due since {due.at:%Y-%m-%d %H:%M %Z}, not confirmed")
        for due in late
    ]
    return Found(f"not confirmed: {_named([alert.about for alert in alerts])}", alerts)


def runs_move(settings: Settings) -> Found:
    before = datetime.now(UTC) - timedelta(seconds=settings.alerts.stuck_after)
    with closing(open_register(settings)) as register:
        under_way = [run for run in register.list(limit=MOST_LOOKED_AT) if not run.final]
    stuck = [run for run in under_way if _last_news(run) < before]
    if not stuck:
        return Found(f"{len(under_way)} under way")
    return Found(f"nothing heard of {_named([run.run_id for run in stuck])}", [_stuck(run) for run in stuck])


def alerts_are_told() -> Found:
    """Tries those again that a channel has not taken, on that channel."""
    untold = [f"{alert.cause} {alert.about}" for alert in tell_untold()]
    if untold:
        raise NotWell(f"a channel does not take {_named(untold)}; the log names it")
    return Found("all told")


def _warehouse(settings: Settings) -> Warehouse:
    """One that gives up on a file that another process holds when a part has to have answered."""
    patience = min(settings.health.patience, settings.warehouse.lock_wait)
    brief = settings.warehouse.model_copy(update={"lock_wait": patience})
    return open_warehouse(settings.model_copy(update={"warehouse": brief}))


def _last_news(run: Run) -> datetime:
    return max([run.requested_at, *(news.at for news in run.steps)])


def _stuck(run: Run) -> Alert:
    flow_run = next((news.flow_run_id for news in run.steps if news.step == ORCHESTRATE), None)
    return Alert(
        cause="stuck",
        about=about_run(run.pipeline, run.run_date),
        text=f"under way since {run.requested_at:%Y-%m-%d %H:%M %Z}, last heard of {_last_news(run):%Y-%m-%d %H:%M %Z}",
        since=datetime.now(UTC),
        run_id=run.run_id,
        attempts=run.attempt,
        log=url_for("flow-run", obj_id=flow_run) if flow_run else None,
    )


def _alert(cause: Cause, about: str, text: str) -> Alert:
    return Alert(cause=cause, about=about, text=text[:LONGEST_TEXT], since=datetime.now(UTC))


def _named(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
