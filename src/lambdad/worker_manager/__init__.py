"""Which environment serves this request.

Owns: the pool of every version's environments (`policy`, pure: most recently used idle one first, else a new one, a waiting
request takes whichever comes free first), leases, keep-warm time, and the retirement of environments whose code was replaced.
Provisioned concurrency is part of it: so many environments of a version, initialised ahead, as long as the records say so.
Flow: `lease(version)` → idle environment at once, or `placement.place` → `async with` body invokes → back to idle, or ended.
Refuses: counting concurrency; that is the counter's.
"""
