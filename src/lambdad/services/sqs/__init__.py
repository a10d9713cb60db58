"""Amazon SQS: standard and FIFO queues, durable, by the JSON and by the query protocol.

Owns: the API's operations (`service`: `queues`, `sending`, `receiving`, `moves`), queues and their settings (`catalogue`,
`attributes`), what a message is (`messages`), names and addresses (`names`), SQS's words for errors (`errors`). What is decided
without I/O, e.g. when a message goes to its dead-letter queue, is in `machine`. Messages wait and are leased in the substrate.
Refuses: enforcing queue policies (they are stored), encryption (its settings are stored).
A request: find the queue → check → one write (send, delete) or none (receive) → answer.
"""
