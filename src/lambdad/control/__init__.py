"""The control plane: records of functions, versions, aliases, layers, policies and their lifecycle.

Owns: the Lambda API except Invoke, one module per noun of the API (`functions`, `code`, `versions`, `aliases`, `layers`, …),
their representation in answers (`representation`, pure), the checks that the service model does not express (`checks`, pure),
and the lifecycle loop that makes Pending functions Active (`lifecycle`, pure, and its shell in `service`).
Flow: parameters → checks → artifact → new record → `records.write` → answer.
Refuses: running anything.
"""
