"""Ratios against peers doing the same work with the same numbers, each pair measured in one run.

`python -m benchmarks` prints the table; `--write` puts it into the README. Never part of the tests: a timed test fails
on a busy machine and says nothing.
"""
