"""The fault matrix: every fault of an upstream, and a kill at every effect, judged from outside.

`make faults` runs it whole, `make test` a seeded sample, `make chaos` random faults and kills for
as long as one likes. The verdict (`verdict.py`) imports nothing of the app.
"""
