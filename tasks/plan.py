"""Plan: which steps of a run are left to do. What an earlier attempt has committed and stands is built on."""

from collections.abc import Sequence
from dataclasses import dataclass

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from messenger.contract import RunRequest, run_id_of
from pipelines import Step, find_pipeline
from register.register import Register, Run
from tasks.again import AGAIN
from tasks.checks import NotConfirmed
from tasks.claim import step_request
from tasks.confirm import Before, confirm
from tasks.with_register import with_register
from warehouse.warehouse import Warehouse
from wiring import open_warehouse


@dataclass(frozen=True, slots=True)
class Todo:
    """A step to ask for, and the rows of all dates before it."""

    step: Step
    before: Before


@dataclass(frozen=True, slots=True)
class Plan:
    """`run` names in its inputs the attempts whose results are built on."""

    run: RunRequest
    left: Sequence[Todo]


def gone_on_from(register: Register, run: RunRequest) -> list[Run]:
    """The attempts that led to this one, the newest first: each of them failed and named the next."""
    led: list[Run] = []
    following = run.run_id
    for attempt in range(run.attempt - 1, 0, -1):
        known = register.get(run_id_of(run.pipeline, run.run_date, attempt))
        if known is None or known.continued_by != following:
            break
        led.append(known)
        following = known.run_id
    return led


def chain_of(register: Register, run: RunRequest) -> list[int]:
    """The attempts whose results this one can build on: itself, and those that led to it."""
    return [run.attempt, *(led.attempt for led in gone_on_from(register, run))]


def confirmed_by_attempt(warehouse: Warehouse, run: RunRequest, step: Step, chain: Sequence[int]) -> int | None:
    """The newest attempt whose result of the step stands."""
    for attempt in chain:
        itself = run_id_of(run.pipeline, run.run_date, attempt)
        request = step_request(
            step.name,
            pipeline=run.pipeline,
            run_date=run.run_date,
            attempt=attempt,
            parameters=run.parameters,
            inputs={name: of for name, of in run.inputs.items() if of != itself},
            requested_by=run.requested_by,
        )
        if warehouse.ledger_row(request.run_id, step.name) is None:
            continue
        try:
            confirm(warehouse, request, step.confirmed_by)
        except NotConfirmed:
            continue
        return attempt
    return None


def plan_of(warehouse: Warehouse, run: RunRequest, chain: Sequence[int]) -> Plan:
    """Steps are left from the first one on whose result does not stand."""
    steps = list(find_pipeline(run.pipeline).steps)
    inputs: dict[str, str] = {}
    while steps:
        found = confirmed_by_attempt(warehouse, run.model_copy(update={"inputs": inputs}), steps[0], chain)
        if found is None:
            break
        step = steps.pop(0)
        if found != run.attempt:
            inputs[step.name] = run_id_of(run.pipeline, run.run_date, found)
    left = [Todo(step, warehouse.rows_by_date(step.name)) for step in steps]
    return Plan(run.model_copy(update={"inputs": inputs}), left)


@task(name="plan", task_run_name="plan {run.run_id}", cache_policy=NO_CACHE, **AGAIN)
def plan_steps(run: RunRequest) -> Plan:
    """Raises WarehouseBusy when another process holds the warehouse for too long."""
    chain = with_register(lambda register: chain_of(register, run))
    warehouse = open_warehouse()
    warehouse.prepare()
    plan = plan_of(warehouse, run, chain)
    done = len(find_pipeline(run.pipeline).steps) - len(plan.left)
    if done:
        get_run_logger().info(
            "run %s: %d of its steps stand already (%s)", run.run_id, done, plan.run.inputs or "its own"
        )
    return plan
