"""A job and an hourly schedule for each Recurly site: each run is one `meltano run`.

RECURLY_SITES=sites.json dagster dev -f recurly_to_klaviyo.py
"""

import json
import os
import subprocess
from pathlib import Path

import dagster as dg

SITES = json.loads(Path(os.environ["RECURLY_SITES"]).read_text())
RUN = ["meltano", "run", "tap-recurly", "target-klaviyo"]


def job_of(site: str, project: str) -> dg.JobDefinition:
    """The job that brings one site up to date."""

    @dg.op(name=f"sync_{site}")
    def sync(context: dg.OpExecutionContext) -> None:
        with subprocess.Popen(
            RUN, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            last = ""
            for line in process.stdout:
                last = line.rstrip()
                context.log.info(last)
        if process.returncode:
            raise dg.Failure(description=last)

    # One run of a site at a time: `concurrency.runs.tag_concurrency_limits` in dagster.yaml can
    # hold runs with the same value of this tag to one.
    @dg.job(
        name=f"recurly_{site}_to_klaviyo",
        tags={"recurly_site": site},
        executor_def=dg.in_process_executor,
    )
    def sync_site() -> None:
        sync()

    return sync_site


JOBS = [job_of(site, settings["project"]) for site, settings in SITES.items()]

defs = dg.Definitions(
    jobs=JOBS,
    schedules=[dg.ScheduleDefinition(job=job, cron_schedule="@hourly") for job in JOBS],
)
