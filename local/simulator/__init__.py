"""A simulator of the Sora 1 and Sora 2 video APIs: faithful on the wire, cruel on demand.

It is a process of its own on loopback (`python -m local.simulator`) and imports nothing of the
app. Details of the wire carry the mark of where they are known from:

    [S]  a specification, official documentation or official SDK source
    [L]  somebody's recorded live observation
    [3]  a third party's code or notes
    [?]  an assumption: nobody has shown what the real service does

docs/simulator.md lists every endpoint, config key and fault action.
"""
