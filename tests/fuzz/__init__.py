"""What bytes from outside may never do, one module for each parser.

Each has `SEEDS`, well-formed inputs to begin with, and `check(data)`, which raises where an invariant is broken: an exception
that is none of the parser's own refusals, two answers to the same input, a limit that is passed. Three things call it:

- `tests/unit/fuzz` with mutations by Hypothesis, always the same ones;
- `test_corpus` with what lies in `corpus/`: inputs that took a way of their own through the code, and those that once broke it;
- `make fuzz`, which needs the package `atheris`: mutations that the covered code leads, for minutes or for days. What it finds
  new is put into `corpus/`.
"""
