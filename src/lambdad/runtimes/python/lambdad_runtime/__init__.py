"""What a Python function meets inside a sandbox: the parts behind bootstrap.py.

Owns: the channel to lambdad (`channel`), becoming the function's environment (`start`), finding its handler (`handler`), the
context object (`context`), JSON in and out (`payloads`), errors as AWS words them (`faults`), log frames and the standard
streams (`telemetry`), the logging module (`logs`), the loop over invocations (`loop`), and SnapStart
(`snapshot`, with `separate`).
Flow: START → environment → handler → NEXT → INVOKE → RESPONSE or ERROR, with NEXT in the same write → …
Refuses: all outside the standard library, and syntax newer than Python 3.9: these files run on the function's interpreter.
The name of the package is one that no function is likely to use, since both share `sys.modules`.
"""
