"""Concurrency: how many invocations are in flight, and whether one more may start.

Owns: slots per account and region, per function with reserved concurrency and per version with provisioned concurrency, and
the requests per second that go with them (`policy`, pure), granted and returned.
Refuses: waiting. A slot is granted now or refused with TooManyRequests and Lambda's own reason.
"""
