"""What a database derives by itself from the core's tables, and Alembic doesn't know: text indexes.

The statements are run after the core's versions, and change nothing where they have been run. On
SQLite an FTS5 table follows ``search_document`` by triggers; on PostgreSQL a table of ``tsvector``
does, of the plain words and of those that the configuration of a row's language makes of them.
"""

from __future__ import annotations

from sqlalchemy import Connection

CONFIGURATIONS = {
    "ar": "arabic",
    "ca": "catalan",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "es": "spanish",
    "eu": "basque",
    "fi": "finnish",
    "fr": "french",
    "ga": "irish",
    "hu": "hungarian",
    "id": "indonesian",
    "it": "italian",
    "lt": "lithuanian",
    "nb": "norwegian",
    "nl": "dutch",
    "no": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sv": "swedish",
    "tr": "turkish",
}
"""PostgreSQL's text search configurations by primary language; words of others stay as they are."""

_WHEN = " ".join(f"WHEN '{tag}' THEN '{name}'::regconfig" for tag, name in CONFIGURATIONS.items())
_OWN = (
    "(CASE lower(split_part(coalesce(new.language, ''), '-', 1)) "
    f"{_WHEN} ELSE 'simple'::regconfig END)"
)

_DELETE = (
    "INSERT INTO search_fts(search_fts, rowid, tenant, title, text)"
    " VALUES ('delete', old.seq, old.tenant, old.title, old.text);"
)
_INSERT = (
    "INSERT INTO search_fts(rowid, tenant, title, text)"
    " VALUES (new.seq, new.tenant, new.title, new.text);"
)

_STATEMENTS: dict[str, tuple[str, ...]] = {
    "sqlite": (
        """CREATE VIRTUAL TABLE IF NOT EXISTS search_fts USING fts5(
            tenant, title, text, content='search_document', content_rowid='seq', prefix='2 3',
            tokenize='unicode61 remove_diacritics 2')""",
        # A word of a title counts as much as eight of the text; that of the institution nothing.
        "INSERT INTO search_fts(search_fts, rank) VALUES ('rank', 'bm25(0.0, 8.0, 1.0)')",
        "CREATE VIRTUAL TABLE IF NOT EXISTS search_vocabulary USING fts5vocab('search_fts', 'row')",
        f"""CREATE TRIGGER IF NOT EXISTS search_document_added
            AFTER INSERT ON search_document BEGIN {_INSERT} END""",
        f"""CREATE TRIGGER IF NOT EXISTS search_document_removed
            AFTER DELETE ON search_document BEGIN {_DELETE} END""",
        f"""CREATE TRIGGER IF NOT EXISTS search_document_changed
            AFTER UPDATE OF tenant, title, text ON search_document
            BEGIN {_DELETE} {_INSERT} END""",
    ),
    "postgresql": (
        # A table of its own: under row-level security no index of texts is used, for their
        # operators might tell of rows that are not shown. Its rows name nobody, and are only
        # reached by joining the documents, which are guarded.
        """CREATE TABLE IF NOT EXISTS search_vector (
            seq bigint PRIMARY KEY REFERENCES search_document (seq) ON DELETE CASCADE,
            vector tsvector NOT NULL)""",
        "CREATE INDEX IF NOT EXISTS ix_search_vector_vector ON search_vector USING gin (vector)",
        f"""CREATE OR REPLACE FUNCTION search_document_vector() RETURNS trigger
        LANGUAGE plpgsql AS $$
        DECLARE own regconfig := {_OWN};
        BEGIN
            INSERT INTO search_vector (seq, vector) VALUES (new.seq,
                setweight(to_tsvector('simple', new.title), 'A')
                || setweight(to_tsvector(own, new.title), 'A')
                || to_tsvector('simple', new.text) || to_tsvector(own, new.text)
                || array_to_tsvector(ARRAY['@' || new.tenant]))
            ON CONFLICT (seq) DO UPDATE SET vector = excluded.vector;
            RETURN NULL;
        END $$""",  # noqa: S608 - constants
        "DROP TRIGGER IF EXISTS search_document_changed ON search_document",
        """CREATE TRIGGER search_document_changed
            AFTER INSERT OR UPDATE OF tenant, language, title, text ON search_document
            FOR EACH ROW EXECUTE FUNCTION search_document_vector()""",
    ),
}


def derive(connection: Connection) -> None:
    """Make what is missing."""
    for statement in _STATEMENTS[connection.dialect.name]:
        connection.exec_driver_sql(statement)


DERIVED = ("search_vocabulary", "search_fts", "search_vector")
"""The tables, in an order in which they can be dropped; SQLite keeps the parts of one in others."""


def is_derived(table: str | None) -> bool:
    """Whether a table is one of these, which no model declares."""
    return (table or "").startswith(DERIVED)
