"""The invoke path, as one readable flow: resolve, count, lease, run, answer.

Owns: `service.invoke` and its streaming twin, the checks of payload, qualifier, state and client context (`checks`, pure), and
Event mode's hand-over (run from memory until the durable queue takes it).
Refuses: bytes of HTTP (edge) and everything about sandboxes (below).
"""
