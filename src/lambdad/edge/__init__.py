"""The front door: listen, authenticate, route by service and operation, encode the answer.

Owns: the HTTP server (`server` and its `connection`, httptools on the loop), which hosts and web pages may ask (`hosts`), who
calls (`authenticate`), the way to a service (`route`), the direct route of Invoke (`invoke`), links to packages (`downloads`),
and the list of what is implemented (`compatibility`, which writes docs/compatibility.md). `service` puts them together.
Flow: bytes → request → caller → operation → parameters → handler → answer or error → bytes.
Refuses: requests without an Authorization header (as AWS does), and knowing what an operation means.
"""
