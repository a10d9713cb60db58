"""This host's agent: provisions, drives, resets and ends execution environments.

Owns: an environment's shell (`environment`: the sandbox, the transports, the timers, around `runtime_api.machine`), its
variables (`variables`, pure), its output and log lines with
their tail (`output`, pure; `log`), a streamed answer on its way (`stream`), what the host holds (`service`), and SnapStart:
the INIT of a template (`snapshot`), which templates there are (`templates`), how an environment begins (`beginnings`).
Flow: `start` takes a stem, specialises it, sends START → `Environment.invoke` → machine → event to the runtime → its answer
→ `Outcome` → after the answer: log lines, REPORT.
Refuses: deciding who gets an environment; that is the worker manager's.
"""
