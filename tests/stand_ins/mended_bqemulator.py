"""bqemulator with what BigQuery promises and bqemulator 1.4.0 does not keep. Runs in the stand-ins' environment.

1. The id of a load job is the one that was asked for, and a second job of that id is refused.
2. A script is carried out as a whole: nobody else's query sees its middle, and it ends also when its client is gone.
3. Deleting a table that is a view deletes the view.
"""

import asyncio
from contextvars import ContextVar

import duckdb
from bqemulator.api.routes import jobs, upload
from bqemulator.cli import main
from bqemulator.domain.errors import AlreadyExistsError
from bqemulator.storage.engine import DuckDBEngine

JOB_ID = "wantedJobId"
wanted: ContextVar[str] = ContextVar("wanted")
one_at_a_time = asyncio.Lock()


def keep_job_ids():
    read_envelope, run_load = upload._load_configuration_from_envelope, upload._run_load

    def with_id(envelope):
        return {**read_envelope(envelope), JOB_ID: envelope.get("jobReference", {}).get("jobId")}

    async def run(*, project_id, configuration, media_path, ctx):
        job_id = configuration.pop(JOB_ID) or jobs.uuid4().hex
        if ctx.catalog.get_job(project_id, job_id) is not None:
            raise AlreadyExistsError(f"Already Exists: Job {project_id}:US.{job_id}")
        wanted.set(job_id)
        async with one_at_a_time:
            return await run_load(project_id=project_id, configuration=configuration, media_path=media_path, ctx=ctx)

    upload._load_configuration_from_envelope, upload._run_load = with_id, run
    upload._new_job_id = wanted.get


def keep_scripts_whole():
    execute = jobs.execute_query_job

    async def alone(*arguments, **options):
        async with one_at_a_time:
            return await execute(*arguments, **options)

    async def whole(*arguments, **options):
        return await asyncio.shield(alone(*arguments, **options))

    jobs.execute_query_job = whole


def drop_views_too():
    execute = DuckDBEngine.execute
    of_a_table, of_a_view = "DROP TABLE IF EXISTS ", "DROP VIEW IF EXISTS "

    def either(engine, sql, parameters=None):
        try:
            return execute(engine, sql, parameters)
        except duckdb.CatalogException:
            if not sql.startswith(of_a_table):
                raise
            return execute(engine, sql.replace(of_a_table, of_a_view, 1))

    DuckDBEngine.execute = either


if __name__ == "__main__":
    drop_views_too()
    keep_job_ids()
    keep_scripts_whole()
    main()
