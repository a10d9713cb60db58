"""Which tree of files a package, or several layers one over the other, make: pure.

The tree is decided here as a whole, before a byte is written. So nothing is ever written through a link or over a file,
and what a package means does not depend on the order of its members.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lambdad.artifacts.zips import ENTRIES, BadZip, Kind, Member, inflate, members
from lambdad.domain.limits import UNZIPPED

OWN_PLACES = ("var/task", "opt", "tmp")
"""Where an absolute link of a package may lead to: what belongs to the function."""
LINKS_FOLLOWED = 40
"""As Linux does (path_resolution(7))."""
LINK_STEPS = 2_000_000
"""Names looked at while the links of one package are followed: a second or two. 50,000 links of 10 names need 500,000."""
"""As Linux does (path_resolution(7))."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A file or a link."""

    package: int
    """Which of the packages it is from."""
    member: Member
    target: str = ""
    """Where a link leads."""


Tree = dict[str, "Tree | Leaf"]


@dataclass(frozen=True, slots=True)
class Package:
    """A package that passed every check except the reading of its files (`verify`)."""

    tree: Tree
    unpacked: int
    files: tuple[Member, ...]


def read_package(data: bytes) -> Package:
    """Raises BadZip or TooLarge."""
    found = members(data)
    tree: Tree = {}
    nodes = 0
    for member in found:
        leaf = None if member.kind is Kind.DIRECTORY else Leaf(0, member, _target(data, member))
        nodes += _place(tree, member.path, leaf, over=False)
        if nodes > ENTRIES:
            raise BadZip("too many directories")
    budget = [LINK_STEPS]
    for member in found:
        if member.kind is Kind.LINK and leads_out(tree, member.path, budget):
            raise BadZip(f"the link {'/'.join(member.path)} leads out of the package")
    return Package(
        tree, sum(member.size for member in found), tuple([each for each in found if each.kind is not Kind.DIRECTORY])
    )


def verify(data: bytes, package: Package) -> None:
    """Inflate everything once. Raises BadZip or TooLarge; never holds more than a chunk of it."""
    left = UNZIPPED - 1
    for member in package.files:
        for _ in inflate(data, member, left):
            pass
        left -= member.size


def merge(packages: Sequence[Package]) -> Tree:
    """One tree of all of them, where a later one wins
    (https://docs.aws.amazon.com/lambda/latest/dg/chapter-layers.html: layers are extracted in their order)."""
    merged: Tree = {}
    for number, package in enumerate(packages):
        stack: list[tuple[tuple[str, ...], Tree]] = [((), package.tree)]
        while stack:
            path, tree = stack.pop()
            for name, node in tree.items():
                below = (*path, name)
                if isinstance(node, Leaf):
                    _place(merged, below, Leaf(number, node.member, node.target), over=True)
                else:
                    _place(merged, below, None, over=True)
                    stack.append((below, node))
    return merged


def _place(tree: Tree, path: tuple[str, ...], leaf: Leaf | None, *, over: bool) -> int:
    """Put a leaf, or a directory (None), at `path`; how many nodes that made. `over`: what is in the way goes."""
    made = 0
    node = tree
    for name in path if leaf is None else path[:-1]:
        child = node.get(name)
        if child is None or (isinstance(child, Leaf) and over):
            child = node[name] = {}
            made += 1
        elif isinstance(child, Leaf):
            raise BadZip(f"{'/'.join(path)} is both a file and a directory")
        node = child
    if leaf is not None:
        if isinstance(node.get(path[-1]), dict) and not over:
            raise BadZip(f"{'/'.join(path)} is both a file and a directory")
        # A name that comes twice: the later one, as every unpacker does.
        node[path[-1]] = leaf
        made += 1
    return made


def _target(data: bytes, member: Member) -> str:
    if member.kind is not Kind.LINK:
        return ""
    target = b"".join(inflate(data, member, member.size))
    try:
        text = target.decode()
    except UnicodeDecodeError:
        raise BadZip("a link's target is not UTF-8") from None
    if "\0" in text:
        raise BadZip("a link's target has a NUL")
    return text


def leads_out(tree: Tree, path: tuple[str, ...], budget: list[int]) -> bool:
    """Whether following the link at `path` leaves the tree, through whatever other links of the tree.

    A dangling link and a loop stay inside. Absolute targets may lead to the function's own places, wherever the tree is
    mounted. `budget` holds the steps that are left for this package's links; BadZip where they are used up.
    """
    trail: list[Tree | Leaf | None] = [tree]
    ahead = list(reversed(path))
    followed = 0
    while ahead:
        budget[0] -= 1
        if budget[0] < 0:
            raise BadZip("links of links without end")
        name = ahead.pop()
        if name in ("", "."):
            continue
        if name == "..":
            if len(trail) == 1:
                return True
            trail.pop()
            continue
        here = trail[-1]
        node = here.get(name) if isinstance(here, dict) else None
        if not isinstance(node, Leaf) or node.member.kind is not Kind.LINK:
            trail.append(node)
            continue
        if node.target.startswith("/"):
            return not _own_place(node.target)
        followed += 1
        if followed > LINKS_FOLLOWED:
            return False
        ahead.extend(reversed(node.target.split("/")))
    return False


def _own_place(target: str) -> bool:
    parts = [part for part in target.split("/") if part not in ("", ".")]
    text = "/".join(parts)
    return ".." not in parts and any(text == place or text.startswith(f"{place}/") for place in OWN_PLACES)
