"""A DAG for each Recurly site, every hour: each run is one `meltano run`.

Put this file into Airflow's folder of DAGs, and the path of sites.json into RECURLY_SITES.
"""

import json
import os
from datetime import datetime, timedelta, timezone
from pathlib import Path

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

SITES = json.loads(Path(os.environ["RECURLY_SITES"]).read_text())

for site, settings in SITES.items():
    with DAG(
        dag_id=f"recurly_{site}_to_klaviyo",
        schedule="@hourly",
        start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
        catchup=False,  # one run brings all that has changed since the last
        max_active_runs=1,
    ):
        BashOperator(
            task_id="sync",
            bash_command="meltano run tap-recurly target-klaviyo",
            cwd=settings["project"],
            retries=2,
            retry_delay=timedelta(minutes=6),  # a run that was killed counts as running for five
        )
