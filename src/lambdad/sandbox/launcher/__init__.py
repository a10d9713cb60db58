"""The launcher: a separate, single-threaded program, standard library only, one for each runtime; the parent of its sandboxes.

`enter` (on lambdad's own interpreter) makes the namespaces and the base root and executes `main` inside it: on the
function's own interpreter for `python3.x`, whose bootstrap it then has imported (a zygote), on lambdad's for the rest.
`main` (with `loop`, `namespaces`, `processes`) forks a stem when asked; the child becomes the sandbox's init (`isolation`,
then `supervisor`), and its child the runtime process (`runtime`). `nests` makes the places for copies of a
template. Everything here but `enter` runs on Python 3.9 and later.
Dies with lambdad; everything it made dies with it, since it is the first process of a PID namespace of its own.
"""
