"""Log groups, streams and events, and the lines that Lambda itself writes.

Owns: START/END/REPORT/INIT lines in text and JSON (`lines`, pure), the filter pattern syntax (`patterns`, with `conditions` and
`regex`, pure), groups and streams with retention, buffered writing off the invoke path (`buffer`, pure: what waits, and what
goes when it is too much), and reading (`service`, on the substrate's Timeline).
Flow: worker → `LogWriter.write` (a list append) → flusher → Timeline → `services/logs` (the CloudWatch Logs API).
Refuses: waiting in the invoke path, and growing without bound: when storage can't keep up, the oldest unwritten events of
the loudest stream go first, counted, and a line in that stream says how many.
"""
