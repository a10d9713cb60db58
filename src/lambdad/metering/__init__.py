"""What is counted of invocations, and how it is told.

Owns: the counts of each function's invocations, errors, throttles and durations (`registry`, in memory, from the start of
the process), and Prometheus's text format (`exposition`, pure).
Refuses: what others know anyway, such as what runs now; that is asked for when somebody reads the metrics.
"""
