"""bqemulator with what BigQuery promises and bqemulator 1.4.0 does not keep. Runs in the stand-ins' environment.

1. The id of a load job is the one that was asked for, and a second job of that id is refused.
2. A script is carried out as a whole: nobody else's query sees its middle.
"""

import asyncio
from contextvars import ContextVar

from bqemulator.api.routes import jobs, upload
from bqemulator.cli import main
from bqemulator.domain.errors import AlreadyExistsError

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

    jobs.execute_query_job = alone


if __name__ == "__main__":
    keep_job_ids()
    keep_scripts_whole()
    main()
