"""What a forked child of the zygote does while it waits for START: everything that START will make it do, without effect.

Each page that a child writes for the first time is copied by the kernel, and reading a Python object writes its reference
count. That is a few thousand page faults and more than half of a cold start; here they happen before anybody waits.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
import time

from lambdad_runtime import context, logs, payloads, start
from lambdad_runtime.telemetry import TEXT, Telemetry

_HEAD = json.dumps(
    {
        "environment": {"_HANDLER": "app.handler", "AWS_REGION": "us-east-1", "LAMBDA_TASK_ROOT": "/var/task", "LANG": "C"},
        "handler": "app.handler",
        "cwd": "/var/task",
    }
).encode()
_MODULE = "lambdad_runtime.rehearsed"


def rehearse(telemetry: Telemetry, runtime_root: str) -> None:
    """Leaves everything as it was."""
    environment, path = dict(os.environ), list(sys.path)
    head = json.loads(_HEAD)
    start.become({"environment": {**head["environment"], "TZ": environment.get("TZ", ":UTC")}})
    start.replacement(head, __file__)
    handler = logs.LambdaLoggerHandler(telemetry, TEXT)
    handler.addFilter(logs.LambdaLoggerFilter(logs.Current()))
    handler.close()
    places = start.import_path(head, runtime_root)
    start.take_path(places)
    start.forget_shadowed(frozenset(), places[:3])
    importlib.util.find_spec("lambdad_no_such_module")
    rehearsed = importlib.import_module(_MODULE)
    fixed = context.fixed_attributes(dict(os.environ))
    event = payloads.event_of(b'{"key": "value"}')
    payloads.result_of(rehearsed.handler(event, context.LambdaContext(fixed, {"id": "", "deadline_ms": 0})))
    del sys.modules[_MODULE], sys.modules["lambdad_runtime"].rehearsed
    sys.path[:] = path
    for place in places:
        sys.path_importer_cache.pop(place, None)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
