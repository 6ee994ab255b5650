"""File inputs that do not travel in the row: long `data:` URLs, and files that are ours already.

A long data URL becomes a file before the insert, its place in the input an empty string. A URL
of our own, of an output or an upload, becomes a reference to the stored file, if the caller owns
it: no request is made.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import msgspec
import structlog

from darkroom.domain.errors import (
    FileMissing,
    FilesUnavailable,
    InputUnusable,
    InvalidField,
    InvalidInput,
    NotFound,
)
from darkroom.domain.ids import Owner, PredictionId
from darkroom.domain.model import Json, Version
from darkroom.domain.prediction import InputFile, JsonText
from darkroom.ports.files import Blobs
from darkroom.service import data_urls
from darkroom.service.own_files import OwnFile

_log = structlog.get_logger()
INPUT_ATTEMPT = 0
_SHOWN_TYPE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Spool:
    """Takes file inputs out of the row and puts them back for display.

    Args:
        blobs: where the bytes go, under `predictions/<id>/0/<n>`.
        own: the stored file behind a URL that this owner, who came by that origin, may read;
            None if it is not ours, NotFound if it is and they may not.
        over_bytes: the length of text above which a data URL is spooled.
    """

    blobs: Blobs
    own: Callable[[str, Owner, str | None], Awaitable[OwnFile | None]]
    over_bytes: int

    async def take(
        self,
        id_: PredictionId,
        owner: Owner,
        version: Version,
        values: Mapping[str, Json],
        *,
        origin: str | None = None,
    ) -> tuple[JsonText, Sequence[InputFile]]:
        """Store or find what need not travel; returns the input's JSON without it, and where it is.

        A data URL that cannot be decoded stays in the text: the run will say what is wrong.

        Raises:
            InvalidInput: URLs of ours at *origin*, where the client found us, that name no file
                of this owner.
        """
        files, gone = await self._found(owner, version, values, origin)
        if gone:
            raise InvalidInput([_gone(name) for name in gone])
        try:
            await self._add_long(files, id_, version, values)
        except BaseException:
            await self.forget([one.key for one in files if one.spooled])
            raise
        spooled = {str(one.path[0]): "" for one in files if one.spooled}
        shown = {**values, **spooled} if spooled else values
        return JsonText(msgspec.json.encode(shown).decode()), files

    async def _found(
        self, owner: Owner, version: Version, values: Mapping[str, Json], origin: str | None
    ) -> tuple[list[InputFile], Sequence[str]]:
        """Files that are here already, and the names of inputs that should be and are not."""
        files: list[InputFile] = []
        gone: list[str] = []
        for name in version.file_inputs:
            value = values.get(name)
            if isinstance(value, str) and value.startswith("http"):
                try:
                    own = await self.own(value, owner, origin)
                except NotFound:
                    gone.append(name)
                    continue
                if own is not None:
                    files.append(_reference(name, own, len(files)))
        return files, gone

    async def _add_long(
        self,
        files: list[InputFile],
        id_: PredictionId,
        version: Version,
        values: Mapping[str, Json],
    ) -> None:
        for name in version.file_inputs:
            value = values.get(name)
            if isinstance(value, str) and len(value) > self.over_bytes:
                file = await self._store(id_, name, value, len(files))
                if file is not None:
                    files.append(file)

    async def _store(
        self, id_: PredictionId, name: str, value: str, index: int
    ) -> InputFile | None:
        if not data_urls.is_data_url(value):
            return None
        try:
            data = data_urls.decode(value)
        except InputUnusable:
            return None
        key = f"predictions/{id_}/{INPUT_ATTEMPT}/{index}"
        await self.blobs.put(key, data)
        header = value[5:_SHOWN_TYPE].partition(",")[0].partition(";")[0]
        return InputFile(
            path=(name,),
            key=key,
            content_type=header if header.isprintable() and header else "application/octet-stream",
            size_bytes=len(data),
            index=index,
            spooled=True,
        )

    async def forget(self, keys: Sequence[str]) -> None:
        """Delete what was stored for a prediction that is not to be."""
        for key in keys:
            try:
                await self.blobs.delete(key)
            except FilesUnavailable as error:
                _log.warning("spooled.kept", key=key, error=str(error))

    async def restore(
        self,
        text: JsonText,
        files: Sequence[InputFile],
        *,
        up_to_bytes: int,
        url: Callable[[InputFile], str],
    ) -> JsonText:
        """The input as it is shown: short files as the data URL that came, long ones by *url*."""
        spooled = [one for one in files if one.spooled]
        if not spooled:
            return text
        values = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        for one in spooled:
            shown = url(one)
            if one.size_bytes <= up_to_bytes:
                with suppress(FileMissing, FilesUnavailable):
                    shown = data_urls.encode(one.content_type, await self.blobs.get(one.key))
            values[str(one.path[0])] = msgspec.Raw(msgspec.json.encode(shown))
        return JsonText(msgspec.json.encode(values).decode())


def _gone(name: str) -> InvalidField:
    return InvalidField(type="file", field=f"input.{name}", description="File not found")


def _reference(name: str, own: OwnFile, index: int) -> InputFile:
    return InputFile(
        path=(name,),
        key=own.key,
        content_type=own.content_type,
        size_bytes=own.size_bytes,
        index=index,
        spooled=False,
    )
