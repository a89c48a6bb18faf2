"""Measurements of this project: `python -m bench NAME`, or all of them without a name.

One module for each measurement. It offers `run() -> dict`, plain values that are stored under its
name in `bench/results.json`; `tables(results)`, what a reader sees; and `figures(results)`, the
pictures of `docs/figures/` by file name. Seeds are fixed, so whatever does not measure time comes
out the same in every run. Nothing here is deployed and nothing here is a test.
"""
