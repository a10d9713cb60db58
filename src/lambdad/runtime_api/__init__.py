"""The Runtime API: one protocol with one state machine, spoken over two transports.

Owns: the life of an execution environment as a pure machine (`machine`: INIT, idle, invoke, reset, end; its `events` and
`effects`), Lambda's words for what went wrong (`failures`), the Runtime API over HTTP on a socket inside the sandbox (`http`,
what official runtime clients use, with `request`, its decoder), and the leaner framing over an inherited Unix socket that
lambdad's own runtimes use (`channel`, with `frames`, its codec; docs/design/channel.md has the format).
Flow: bytes → `http` or `channel` → machine event → `machine.step` → effects → the worker performs them.
Refuses: processes, clocks and files: time comes in with each event, and the worker does what the effects say.
"""
