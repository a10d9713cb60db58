"""Which worker gets a new environment.

Owns: the choice among workers (`policy`, pure) by memory and processors, promised and used, and by where the code is;
`service` asks the chosen one. With one worker in the process the choice is that worker, or a refusal when its memory is
promised out.
Refuses: environments that exist already; those are the worker manager's.
"""
