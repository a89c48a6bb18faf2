"""The app on Microsoft's own runtime library for Python 3.13, `azure-functions-runtime`.

`make runtime` packages the app and runs the tests here: every function is indexed, loaded and
invoked by that library, the way Azure's worker does it. What lies around it is ours: the worker's
dispatcher (`worker`, `messages`), the host (`host`) and its Durable extension (`extension`).
"""
