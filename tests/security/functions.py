"""What attacks, what is attacked, and how both are made."""

import shutil
import subprocess
from pathlib import Path

import pytest

SECRET = "a secret that is nobody else's 5b1f0a"

ATTACKER = """
import ctypes, errno, json, os, resource, socket, stat, struct, subprocess, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)

def outcome(action, *arguments):
    '''"done", or the name of the error.'''
    try:
        action(*arguments)
    except OSError as error:
        return errno.errorcode.get(error.errno, type(error).__name__)
    return "done"

def call(name, *arguments):
    '''The same for a function of the C library.'''
    ctypes.set_errno(0)
    return "done" if getattr(libc, name)(*arguments) >= 0 else errno.errorcode[ctypes.get_errno()]

def read(path):
    with open(path, "rb") as file:
        return file.read(1 << 20)

def write(path, text):
    with open(path, "w") as file:
        file.write(text)

def handler(event, context):
    names = {**globals(), "event": event, "context": context}
    exec(event["source"], names)
    return names.get("answer")
"""

VICTIM = f"""
import os
CODE = {SECRET!r}
with open("/tmp/secret", "w") as file:
    file.write(CODE)
def handler(event, context):
    assert os.environ["SECRET"] == CODE
    return {{"secret": open("/tmp/secret").read(), "pid": os.getpid(), "born": id(handler), "tmp": os.listdir("/tmp")}}
"""

NATIVE = Path(__file__).parent / "native" / "bootstrap.c"


def native_bootstrap(place: Path) -> bytes:
    """Compiled with the host's compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler here")
    binary = place / "bootstrap"
    subprocess.run([compiler, "-O1", "-Wall", "-Werror", "-o", binary, NATIVE], check=True)
    return binary.read_bytes()
