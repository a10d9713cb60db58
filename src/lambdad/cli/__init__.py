"""The command `lambdad`: up, doctor, invoke, logs, status, env, iam explain.

Owns: arguments, what is printed, exit codes. `invoke`, `logs` and `iam explain` are ordinary clients of the public API,
`status` of /_lambdad/state.
Refuses: knowing the inside; `up` asks `assembly` for a running node.
Where: `command` is the group; one module per command; `client` makes botocore clients and turns their errors into sentences.
Of `iam explain`: `held_policies` fetches who asks and which policies hold, `explanation` has IAM's simulation decide and finds
out why, `explanation_view` shows it.
What a command needs beyond click it imports when it runs, so that `lambdad --help` is quick.
"""


def main() -> None:
    """Run the command with this process's arguments; ends the process."""
    from lambdad.cli.command import command

    command(prog_name="lambdad")
