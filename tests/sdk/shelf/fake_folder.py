"""A folder of pages, and how it changes."""

import json

from bloop_sdk import Kind, Ref
from bloop_sdk.testing import Folder


def build(path):
    path.mkdir()
    for name in ("b", "c", "d"):
        write(path, name, f"<p>{name}</p>")


def write(path, name, body, kind="page"):
    (path / name).write_text(json.dumps({"type": kind, "body": body}))
    return Ref(Kind.PAGE if kind == "page" else Kind.OPAQUE, name)


def delete(path):
    (path / "c").unlink()
    return Ref(Kind.PAGE, "c")


def malform(path):
    (path / "c").write_text("{no json")
    return Ref(Kind.PAGE, "c")


FOLDER = Folder(
    build=build,
    edit=lambda path: write(path, "c", "<p>edited</p>"),
    add=lambda path: write(path, "a", "<p>new</p>"),
    delete=delete,
    malform=malform,
    unknown=lambda path: write(path, "c", "<p>c</p>", "hologram"),
)
