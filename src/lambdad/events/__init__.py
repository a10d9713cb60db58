"""Event mode: accept, run later, try again, tell destinations.

Owns: the queue of each function's accepted events (`service`; they wait in the substrate), when and how many of them run
(`consumer`), what becomes of one whose invocation failed (`policy`, pure), the records that destinations and dead-letter queues
get (`messages`, pure) and their delivery (`delivery`).
Refuses: checking requests (the frontend has done that), running functions (the frontend does), what a destination is made of
(assembly says how each kind is reached).
An event: one durable append → 202 · fetched with a lease → run through the frontend → told to a destination and acknowledged,
or back to the queue with the time of its next try.
"""
