"""The variable with the trace of the invocation that runs, which changes with each of them.

Set as other variables are, it would cost a function 150 bytes in every invocation, for good: the C library keeps each value
that a variable ever had, since somebody might still point at it; setenv(3). So the variable is one buffer of ours,
putenv(3), and its text is replaced in place.
"""

from __future__ import annotations

import os

try:
    import ctypes
except ImportError:  # an interpreter may be built without it
    ctypes = None

NAME = "_X_AMZN_TRACE_ID"
_KEY = NAME.encode()
_PREFIX = _KEY + b"="
_ROOM = 1024
"""Bytes of a value, several times what X-Ray writes; a longer one is set the ordinary way."""
# Made in the zygote, since both make types, which takes a cold start 100 µs.
_buffer_type = None if ctypes is None else ctypes.c_char * (len(_PREFIX) + _ROOM + 1)
_library = None if ctypes is None or os.name != "posix" else ctypes.CDLL(None)


class TraceVariable:
    __slots__ = ("_address", "_buffer", "_putenv", "_value", "_variables")

    def __init__(self) -> None:
        self._value = os.environ.get(NAME)
        # What os.environ keeps, by encoded name. Another implementation may keep something else.
        self._variables = getattr(os.environ, "_data", None)
        self._buffer = None
        if _library is not None and isinstance(self._variables, dict):
            self._buffer = _buffer_type()
            self._buffer.value = _PREFIX
            self._address = ctypes.addressof(self._buffer) + len(_PREFIX)
            self._putenv = _library.putenv

    def set(self, value: str | None) -> None:
        """None takes it away."""
        if value == self._value:
            return
        self._value = value
        if value is None:
            os.environ.pop(NAME, None)
            return
        data = value.encode("utf-8", "surrogateescape")
        if self._buffer is None or len(data) > _ROOM:
            os.environ[NAME] = value
            return
        ctypes.memmove(self._address, data, len(data) + 1)  # with the NUL behind it
        self._putenv(self._buffer)  # whatever the function has done with its variables meanwhile
        self._variables[_KEY] = data
