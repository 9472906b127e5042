"""Jobs: notebooks run unattended, each into a folder of its own with a capsule that says what it was made from."""

from cryptolab.jobs.capsule import save_manifest
from cryptolab.jobs.runner import RunResult, run_job

__all__ = ["RunResult", "run_job", "save_manifest"]
