"""The peers of `read`: the same rows answered as FastAPI's and SQLAlchemy's tutorials do it.

    python tests/bench/_read_peers.py sync|async DATABASE_URL PORT

`sync` is a sync endpoint that depends on an ORM session, `async` an async one on an AsyncSession.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import Annotated, Any

import uvicorn
from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict
from sqlalchemy import JSON, create_engine, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

KIND, URL, PORT = sys.argv[1:4]
Json = JSON().with_variant(JSONB(), "postgresql")


class Base(DeclarativeBase):
    """The tutorial's base."""


class Item(Base):
    """The columns that the hub answers with."""

    __tablename__ = "item"

    institution_id: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    container_id: Mapped[str]
    connection_id: Mapped[str | None]
    kind: Mapped[str]
    title: Mapped[str]
    published: Mapped[bool]
    state: Mapped[str]
    language: Mapped[str | None]
    url: Mapped[str | None]
    row_version: Mapped[int]
    created_at: Mapped[datetime if URL.startswith("postgresql") else str]  # type: ignore[misc]
    updated_at: Mapped[datetime if URL.startswith("postgresql") else str]  # type: ignore[misc]
    lost: Mapped[Any] = mapped_column(Json)
    data: Mapped[Any] = mapped_column(Json)
    html: Mapped[str]


class ItemHead(BaseModel):
    """What a list shows of an item."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    container_id: str
    connection_id: str | None
    kind: str
    title: str
    published: bool
    state: str
    language: str | None
    url: str | None
    row_version: int
    created_at: datetime
    updated_at: datetime


class ItemOut(ItemHead):
    """A whole item."""

    lost: list[str]
    data: dict[str, Any]
    html: str


app = FastAPI()


def page(institution: str, container: str, limit: int) -> Any:
    """The statement of a list."""
    return (
        select(Item)
        .where(Item.institution_id == institution, Item.container_id == container)
        .order_by(Item.id)
        .limit(limit)
    )


if KIND == "sync":
    sessions = sessionmaker(create_engine(URL))

    def get_db() -> Iterator[Session]:
        """The tutorial's dependency."""
        db = sessions()
        try:
            yield db
        finally:
            db.close()

    Db = Annotated[Session, Depends(get_db)]

    @app.get("/{institution}/items/{item_id}", response_model=ItemOut)
    def read_item(institution: str, item_id: str, db: Db) -> Any:
        """One item."""
        item = db.get(Item, (institution, item_id))
        if item is None:
            raise HTTPException(404)
        return item

    @app.get("/{institution}/containers/{container}/items", response_model=list[ItemHead])
    def read_items(institution: str, container: str, db: Db, limit: int = 50) -> Any:
        """A list of items."""
        return db.scalars(page(institution, container, limit)).all()

else:
    async_sessions = async_sessionmaker(create_async_engine(URL), expire_on_commit=False)

    async def get_async_db() -> AsyncIterator[AsyncSession]:
        """The same for an AsyncSession."""
        async with async_sessions() as db:
            yield db

    AsyncDb = Annotated[AsyncSession, Depends(get_async_db)]

    @app.get("/{institution}/items/{item_id}", response_model=ItemOut)
    async def read_item_async(institution: str, item_id: str, db: AsyncDb) -> Any:
        """One item."""
        item = await db.get(Item, (institution, item_id))
        if item is None:
            raise HTTPException(404)
        return item

    @app.get("/{institution}/containers/{container}/items", response_model=list[ItemHead])
    async def read_items_async(
        institution: str, container: str, db: AsyncDb, limit: int = 50
    ) -> Any:
        """A list of items."""
        return (await db.scalars(page(institution, container, limit))).all()


if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(PORT),
        loop="uvloop",
        http="httptools",
        log_level="warning",
        access_log=False,
    )
