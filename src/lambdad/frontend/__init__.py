"""The invoke path, as one readable flow: resolve, count, lease, run, answer.

Owns: `service.invoke` and its streaming twin, the checks of payload, qualifier, state and client context (`checks`, pure). An
event that passed them is handed to whoever accepts events, and comes back to be run.
Refuses: bytes of HTTP (edge) and everything about sandboxes (below).
"""
