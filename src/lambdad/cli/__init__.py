"""The command `lambdad`: up, doctor, invoke, logs, status, env.

Owns: arguments, what is printed, exit codes. `invoke` and `logs` are ordinary clients of the public API,
`status` of /_lambdad/state.
Refuses: knowing the inside; `up` asks `assembly` for a running node.
Where: `command` is the group; one module per command; `client` makes botocore clients and turns their errors into sentences.
What a command needs beyond click it imports when it runs, so that `lambdad --help` is quick.
"""


def main() -> None:
    """Run the command with this process's arguments; ends the process."""
    from lambdad.cli.command import command

    command(prog_name="lambdad")
