"""XML in and out, as trees of plain nodes. Namespaces are left out of names, because AWS's clients disagree about them.

A document type declaration is refused: nothing in AWS needs one, and entities are how a small document becomes a huge one.
"""

from dataclasses import dataclass, field
from xml.parsers import expat

# Nothing in AWS's models nests this deep unless it repeats itself.
_DEEPEST = 200

# A carriage return that is not escaped comes back as a line feed (XML 1.0, 2.11). The library's `escape` would bring an HTTP
# client along, with 2 MB.
_IN_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_IN_ATTRIBUTE = _IN_TEXT | str.maketrans({'"': "&quot;", "\n": "&#10;", "\t": "&#9;"})


@dataclass(slots=True)
class Node:
    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list["Node"] = field(default_factory=list)
    text: str = ""


class MalformedXml(ValueError):
    """The text is no XML, or XML of a kind that is refused."""


def parse(data: bytes) -> Node:
    """Raises MalformedXml."""
    builder = _Builder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.characters
    parser.StartDoctypeDeclHandler = builder.doctype
    try:
        parser.Parse(data, True)
    except expat.ExpatError as problem:
        raise MalformedXml(str(problem)) from None
    except (ValueError, LookupError) as problem:  # An encoding that Python does not know.
        raise MalformedXml(str(problem)) from None
    return builder.root.children[0]


class _Builder:
    def __init__(self) -> None:
        self.root = Node("")
        self._stack = [self.root]
        self._texts: list[list[str]] = [[]]
        """Of those in the stack, in pieces: children may lie between thousands of them."""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._stack) > _DEEPEST:
            raise MalformedXml("nested too deeply")
        node = Node(name.rpartition(":")[2], {key: value for key, value in attributes.items() if not key.startswith("xmlns")})
        self._stack[-1].children.append(node)
        self._stack.append(node)
        self._texts.append([])

    def end(self, _name: str) -> None:
        self._stack.pop().text = "".join(self._texts.pop())

    def characters(self, text: str) -> None:
        self._texts[-1].append(text)

    def doctype(self, *_: object) -> None:
        raise MalformedXml("document type declarations are not allowed")


def write(node: Node) -> str:
    attributes = "".join(f" {name}={_quoted(value)}" for name, value in node.attributes.items())
    if not node.children and not node.text:
        return f"<{node.name}{attributes}/>"
    return f"<{node.name}{attributes}>{_text(node.text)}{''.join(map(write, node.children))}</{node.name}>"


def document(node: Node) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{write(node)}'.encode()


def _text(value: str) -> str:
    return _allowed(value).translate(_IN_TEXT)


def _quoted(value: str) -> str:
    return '"' + _allowed(value).translate(_IN_ATTRIBUTE) + '"'


def _allowed(value: str) -> str:
    """Characters that XML 1.0 can't express become U+FFFD, so that one of them does not spoil the whole answer."""
    if value.isprintable():
        return value
    return "".join(
        c if (c >= " " and c not in "\ufffe\uffff" and not "\ud800" <= c <= "\udfff") or c in "\t\n\r" else "\ufffd"
        for c in value
    )
