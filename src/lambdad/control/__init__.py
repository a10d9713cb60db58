"""The control plane: records of functions, versions, aliases, layers, policies, event source mappings, and their lifecycle.

Owns: the Lambda API except Invoke, one module per noun of the API (`functions`, `code`, `versions`, `aliases`, `layers`, …),
their representation in answers (`representation`, pure), the checks that the service model does not express (`checks`, pure),
the lifecycle that makes Pending functions Active (`lifecycle`, pure, and its shell `preparation`), the one that has event
sources polled (`mapping_lifecycle`, pure, and its shell `mapping_transitions`), and the sweep of packages that no record
refers to (`packages`).
Flow: parameters → checks → package → decision on the present record → `ledger` commits it, or decides anew → answer.
Refuses: running anything.
"""
