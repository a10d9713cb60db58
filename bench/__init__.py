"""lambdad's speed and size, measured; one command for all of it.

    make bench                                    everything, some twelve minutes
    python -m bench --only latency cold --quick   two families, shorter and coarser
    python -m bench --list                        what there is

Each family of measurements is a module here with a function `measure(context) -> list[Row]`; its docstring says what is
measured and how, `suite` lists them all. A figure stands beside something bare that was measured in the same run, in turns
with ours, so that ratios hold where absolute times do not. `rows` says what a row is and prints the table and the JSON.

Needs wrk, an HTTP load generator (Debian: apt install wrk), and a machine that is otherwise idle. Tools of their own: `stages`,
where the time of a cold start goes, and `placement` run by itself, for fleets of other sizes.
"""
