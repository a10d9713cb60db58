"""CloudWatch Logs, as far as functions and their users need it: groups, streams, events, filters, live tails, retention.

Owns: the API's operations (`service`: `groups`, `streams`, `events`), names and ARNs (`names`), tokens of pagination
(`tokens`), live tails (`tail`). What is stored is `lambdad.logs`.
Refuses: Insights queries, subscriptions, metric filters (answered as not implemented).
"""
