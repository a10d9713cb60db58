"""Hooks of Lambda SnapStart for Python: register what to run before a snapshot is taken and after it is restored.

Source of the interface: https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks-python.html
"""

_before_snapshot = []
_after_restore = []


def register_before_snapshot(func, *args, **kwargs):
    """Run `func` before the snapshot; the last one registered runs first. Returns `func`, so it serves as a decorator."""
    _before_snapshot.append((func, args, kwargs))
    return func


def register_after_restore(func, *args, **kwargs):
    """Run `func` after a restore, in the order of registration. Returns `func`, so it serves as a decorator."""
    _after_restore.append((func, args, kwargs))
    return func


def get_before_snapshot():
    """The registered (function, arguments, keyword arguments), oldest first."""
    return _before_snapshot


def get_after_restore():
    """The registered (function, arguments, keyword arguments), oldest first."""
    return _after_restore
