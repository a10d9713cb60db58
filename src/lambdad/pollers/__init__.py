"""The poller fleet: event source mappings at work.

Owns: which sources are polled (`service`: the fleet; control tells it of each mapping), one mapping's polling of a queue
(`queue_poller`), how many batches may run (`scaling`, pure), what a batch holds and when it is full (`batches`, pure), which of
its records failed (`responses`, pure), the event that the function gets and what filters see of it (`sqs_records`, `filters`,
pure), queues elsewhere (`remote`).
Refuses: the records of mappings (control has them), running functions (the frontend does), what a queue is (a `Source`).
A batch: receive → filtered records are deleted, the others gathered until the batch is full or its window over → run through
the frontend → those that did not fail are deleted; the others become visible again in their queue's time.
"""
