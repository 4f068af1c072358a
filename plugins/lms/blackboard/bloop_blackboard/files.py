"""Where the bytes of files come from."""

from __future__ import annotations

from collections.abc import AsyncIterator

from bloop_blackboard.api import Api
from bloop_blackboard.items import Chunks, Downloads
from bloop_sdk import (
    FatalError,
    ForbiddenRecordError,
    HostileInputError,
    MalformedRecordError,
    MissingRecordError,
    PermissionMissingError,
)


class Files:
    """Downloads of one site: what one of them is refused costs that file alone."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self.downloads = Downloads(attachment=self._attachment, signed=self._signed)

    def _attachment(self, course: str, item: str, attachment: str | None) -> Chunks:
        """An item's attachment; None: the only one of an item that is a file."""
        path = f"/v1/courses/{course}/contents/{item}/attachments"

        async def chunks() -> AsyncIterator[bytes]:
            found = attachment or await self._only(path)
            async for chunk in _told(self._api.stream(f"{path}/{found}/download"), path):
                yield chunk

        return chunks

    def _signed(self, url: str) -> Chunks:
        """An address that is good by itself: the token stays here."""

        def chunks() -> AsyncIterator[bytes]:
            return _told(self._api.stream_signed(url), url.partition("?")[0])

        return chunks

    async def _only(self, path: str) -> str:
        try:
            rows = await self._api.all(path)
        except PermissionMissingError as err:
            raise ForbiddenRecordError(err.message) from err
        except MalformedRecordError as err:
            raise MissingRecordError(
                f"{path}: this course's API does not give the file", code="record_unavailable"
            ) from err
        if not rows:
            raise MissingRecordError(f"{path}: there is no file", code="record_unavailable")
        return str(rows[0].get("id"))


async def _told(chunks: AsyncIterator[bytes], where: str) -> AsyncIterator[bytes]:
    """The bytes; what is refused for one file is told of that file."""
    try:
        async for chunk in chunks:
            yield chunk
    except PermissionMissingError as err:
        raise ForbiddenRecordError(f"{where}: Blackboard refuses its bytes") from err
    except HostileInputError:
        raise
    except FatalError as err:
        # Such as a redirect to a host that the manifest does not name.
        raise MissingRecordError(f"{where}: {err.message}", code=err.code) from err
