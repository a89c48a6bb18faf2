"""A simulator of the Sora 1 and Sora 2 video APIs: faithful on the wire, cruel on demand.

It is a separate process on loopback (`python -m local.simulator`) and imports nothing of the app.
Marks give the source of each detail of the wire:

    [S]  a specification, official documentation or official SDK source
    [L]  a recorded live observation
    [3]  a third party's code or notes
    [?]  an assumption: the real service's behaviour is not known

docs/simulator.md lists every endpoint, config key and fault action.
"""
