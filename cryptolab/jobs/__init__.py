"""Jobs: notebooks run unattended, each into a folder of its own with a capsule that says what it was made from."""

from cryptolab.jobs.capsule import refuse_ended, save_manifest
from cryptolab.jobs.runner import RunResult, run_job

__all__ = ["RunResult", "refuse_ended", "run_job", "save_manifest"]
