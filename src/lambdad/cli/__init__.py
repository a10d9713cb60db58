"""The command `lambdad`: up, doctor, invoke, logs, env.

Owns: arguments, what is printed, exit codes. `invoke` and `logs` are ordinary clients of the public API.
Refuses: knowing the inside; `up` asks `assembly` for a running node.
"""
