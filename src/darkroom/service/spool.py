"""File inputs that do not travel in the row: long `data:` URLs, and files that are ours already.

A long data URL becomes a file before the insert, its place in the input an empty string. A URL
of our own becomes a reference to the stored file, if the caller owns it: no request is made.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from darkroom.domain.errors import FileMissing, FilesUnavailable, InputUnusable
from darkroom.domain.ids import Owner, PredictionId
from darkroom.domain.model import Json, Version
from darkroom.domain.prediction import InputFile, JsonText, StoredFile
from darkroom.ports.files import Blobs
from darkroom.service import data_urls

INPUT_ATTEMPT = 0
_SHOWN_TYPE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Spool:
    """Takes file inputs out of the row and puts them back for display.

    Args:
        blobs: where the bytes go, under `predictions/<id>/0/<n>`.
        own: the stored file behind a URL of ours that this owner may read, else None.
        over_bytes: the length of text above which a data URL is spooled.
    """

    blobs: Blobs
    own: Callable[[str, Owner], Awaitable[StoredFile | None]]
    over_bytes: int

    async def take(
        self,
        id_: PredictionId,
        owner: Owner,
        version: Version,
        values: Mapping[str, Json],
    ) -> tuple[JsonText, Sequence[InputFile]]:
        """Store or find what need not travel; returns the input's JSON without it, and where it is.

        A data URL that cannot be decoded stays in the text: the run will say what is wrong.
        """
        files: list[InputFile] = []
        for name in version.file_inputs:
            value = values.get(name)
            if isinstance(value, str):
                file = await self._moved(id_, owner, name, value, len(files))
                if file is not None:
                    files.append(file)
        spooled = {str(one.path[0]): "" for one in files if one.spooled}
        shown = {**values, **spooled} if spooled else values
        return JsonText(msgspec.json.encode(shown).decode()), files

    async def _moved(
        self, id_: PredictionId, owner: Owner, name: str, value: str, index: int
    ) -> InputFile | None:
        if value.startswith("http"):
            stored = await self.own(value, owner)
            return None if stored is None else _reference(name, stored, index)
        if len(value) > self.over_bytes and data_urls.is_data_url(value):
            return await self._store(id_, name, value, index)
        return None

    async def _store(
        self, id_: PredictionId, name: str, value: str, index: int
    ) -> InputFile | None:
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
            content_type=header or "application/octet-stream",
            size_bytes=len(data),
            index=index,
            spooled=True,
        )

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


def _reference(name: str, stored: StoredFile, index: int) -> InputFile:
    return InputFile(
        path=(name,),
        key=stored.key,
        content_type=stored.content_type,
        size_bytes=stored.size_bytes,
        index=index,
        spooled=False,
    )
