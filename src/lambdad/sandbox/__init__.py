"""Isolation: one sandbox around every execution environment, made ahead as a *stem*, limited, watched and destroyed.

Owns: the levels `namespaces` (own root, PIDs, IPC, host name, network, cgroups, unprivileged uid, no capabilities) and
`process` (no isolation; only when asked for), the launcher programs (`launcher/`, which run as separate, single-threaded,
standard-library-only processes), cgroups v2 and v1, and what this host offers (`host`, for `lambdad doctor`).
Flow: launcher forks a stem → `Sandboxes.take` hands it out → `specialise` mounts code and sets limits → the worker sends START
over the channel → the runtime loads the handler → … → `restart` (a fresh runtime, same /tmp) or `destroy`.
A stem becomes one function version's, once, and never goes back. One whose runtime has run INIT can become a template, whose
process is copied into sandboxes of their own (`templates`).
Refuses: knowing what an invocation is. It hands out sockets and says how processes ended.
"""
