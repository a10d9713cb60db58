"""`python -m lambdad` is the command `lambdad`."""

from lambdad.cli import main

main()
