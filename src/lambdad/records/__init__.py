"""The read model of what control wrote: every function, layer and event source mapping, in memory, kept current by a watch.

Owns: the snapshot (`service`), resolution of a name and qualifier to the version that serves (`resolve`, pure), and the only
writer (`write`, which only `control` may import).
Flow: control → `write` → substrate key-value → watch → snapshot → frontend, control's reads, worker manager's retirements.
Refuses: deciding what may be written; that is control's.
"""
