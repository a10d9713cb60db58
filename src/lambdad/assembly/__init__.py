"""The only place where concrete parts meet: settings, roles, start and stop.

Owns: `settings` (frozen, read once), `node` (which part is given to which, in the order of the stack), and the numbered story
of start and stop.
Refuses: behaviour. If it decides anything about a request, it is in the wrong room.
"""
