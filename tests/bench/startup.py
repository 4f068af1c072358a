"""How long the hub takes to be of use, against a bare FastAPI + SQLAlchemy app.

`vs_bare_app` is the time until `bloop up` answers 200 on `/readyz`: the database checked and every
first-party plugin of the root hub.toml loaded. The bare app has begun when its one route, an ORM
read from SQLite, answers. `first_page_vs_bare_app` waits for the list of courses as a page, which
needs everything else as well. Each case is a process of its own, bytecode cached.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from _harness import Bench

ROOT = Path(__file__).resolve().parents[2]
BLOOP = Path(sys.executable).with_name("bloop")
GIVE_UP_SECONDS = 60

BARE_APP = """
import sys
import uvicorn
from fastapi import Depends, FastAPI
from pydantic import BaseModel
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

engine = create_engine(f"sqlite:///{sys.argv[2]}", connect_args={"check_same_thread": False})
SessionLocal = sessionmaker(engine)

class Base(DeclarativeBase):
    pass

class Item(Base):
    __tablename__ = "item"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]

class ItemOut(BaseModel):
    id: int
    title: str

app = FastAPI()

def get_db():
    db = SessionLocal()
    try:
        yield db
    finally:
        db.close()

@app.get("/items/{item_id}", response_model=ItemOut)
def read_item(item_id: int, db: Session = Depends(get_db)):
    return db.get(Item, item_id)

Base.metadata.create_all(engine)
with SessionLocal.begin() as db:
    if db.get(Item, 1) is None:
        db.add(Item(id=1, title="one"))
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
"""


def main() -> None:
    """Measure and print."""
    bench = Bench("startup", peers=("fastapi", "sqlalchemy", "uvicorn"))
    with tempfile.TemporaryDirectory(prefix="bloop-startup-") as name:
        folder = Path(name)
        bare = folder / "bare_app.py"
        bare.write_text(BARE_APP)
        hub = folder / "hub"
        hub.mkdir()
        shutil.copy(ROOT / "hub.toml", hub / "hub.toml")
        run(BLOOP, "--config", hub / "hub.toml", "init")
        config = ("--config", str(hub / "hub.toml"))
        cases: dict[str, Callable[[], float]] = {
            "bare app, first 200": lambda: first_200(
                "/items/1", lambda port: (sys.executable, bare, port, folder / "bare.db")
            ),
            "bloop up, ready": lambda: first_200(
                "/readyz", lambda port: (BLOOP, *config, "up", "--port", port)
            ),
            "bloop up, first page": lambda: first_200(
                "/", lambda port: (BLOOP, *config, "up", "--port", port)
            ),
            "bloop --help": lambda: run(BLOOP, "--help"),
            "bloop plugins list": lambda: run(BLOOP, *config, "plugins", "list"),
            "python -c pass": lambda: run(sys.executable, "-c", "pass"),
        }
        rows = bench.rounds(cases, rounds=11, warmup=2, unit="ms", scale=1e3)
    bare_row = rows["bare app, first 200"]
    bench.ratio("vs_bare_app", rows["bloop up, ready"], bare_row)
    bench.ratio("first_page_vs_bare_app", rows["bloop up, first page"], bare_row)
    bench.ratio("help_vs_bare_app", rows["bloop --help"], bare_row)
    bench.ratio("plugins_list_vs_bare_app", rows["bloop plugins list"], bare_row)
    bench.finish()


def run(*command: str | Path) -> float:
    """Seconds until a command is over."""
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=ROOT)
    return time.perf_counter() - begin


def first_200(path: str, command: Callable[[str], tuple[str | Path, ...]]) -> float:
    """Seconds from the start of a server to its first answer of 200."""
    port = free_port()
    begin = time.perf_counter()
    with served(command(str(port))) as process:
        while not answers(port, path):
            if process.poll() is not None or time.perf_counter() - begin > GIVE_UP_SECONDS:
                raise SystemExit(f"{command} gave no answer")
            time.sleep(0.002)
        return time.perf_counter() - begin


@contextlib.contextmanager
def served(command: tuple[str | Path, ...]) -> Iterator[subprocess.Popen[bytes]]:
    """A server's process, ended at the end."""
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, stdout=quiet, stderr=quiet, cwd=ROOT, env=os.environ)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


def answers(port: int, path: str) -> bool:
    """Whether a GET is answered by 200, without an HTTP client's own cost."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
            connection.sendall(request.encode())
            return connection.recv(16).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def free_port() -> int:
    """A port on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


if __name__ == "__main__":
    main()
