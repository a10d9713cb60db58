"""Code packages and layers: taken in with limits, stored by content, unpacked once per host.

Owns: checks of a zip (size, unpacked size, bombs, path traversal, kinds of members), the store by SHA-256, the host's cache
of unpacked trees, and their byte-compilation for Python.
Flow: `take_zip` (bytes → Code) when a function or layer is created → `prepare` (code, layers → directories) by the lifecycle
loop → the worker mounts `Prepared.task` at /var/task and `Prepared.opt` at /opt, read-only.
Refuses: running or importing anything of what it unpacks.
"""
