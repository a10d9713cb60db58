"""Warm invokes: latency and throughput, beside the bare path.

A Python function that returns its event of 1 KB, by 1, 16 and 64 connections that each send their next request when they have
their answer. `bare.py` is the bare path: the same HTTP and the same JSON with nothing around it. Ours and bare take turns;
figures are medians of the rounds.
"""

from bench.context import Context
from bench.functions import ECHO, create
from bench.load import bare_path, compared, connected, in_turns, url_of
from bench.rows import Row, at_most, ratio_at_least, ratio_at_most

PERCENTILES = ("p50", "p90", "p99")


def measure(context: Context) -> list[Row]:
    rounds, seconds = context.choose(5, 2), context.choose(3, 1)
    with context.lambdad() as server, bare_path() as bare_url:
        create(server, ["echo"], ECHO)
        url, rows = url_of(server, "echo"), []
        errors, requests = 0.0, 0.0
        for connections, figures, goals in (
            (1, PERCENTILES, {"p50": ratio_at_most(2)}),
            (16, (*PERCENTILES, "rate"), {"rate": ratio_at_least(0.5)}),
            (64, (*PERCENTILES, "rate"), {"p99": at_most(40)}),
        ):
            context.say(f"  {connected(connections)}")
            ours, bare = in_turns(url, bare_url, connections, rounds, seconds)
            what = f"warm invoke, {connected(connections)}"
            rows += compared(what, ours, "bare", bare, figures, goals)
            errors += sum(ours.samples("errors"))
            requests += sum(ours.samples("requests"))
    rows.append(Row(f"warm invokes that failed, of {requests:,.0f}", errors, goals=(at_most(0),)))
    return rows
