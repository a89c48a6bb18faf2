"""The app on whatever Functions host there is: `make real`.

`FUNCTIONS_HOST` names a command that is started in the packaged app's folder as
`... start --port N`, with the app's settings in its environment: Core Tools' `func` is one. Nothing
here asks a host for what only ours has.
"""
