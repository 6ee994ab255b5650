"""What users of LangChain's `Replicate` do; it stands on PyPI `replicate` 1.x.

It takes its address and key from the environment: REPLICATE_BASE_URL, without `/v1`, and
REPLICATE_API_TOKEN.
"""
# The client lives in an environment of its own.
# pyright: basic, reportMissingImports=false, reportOptionalMemberAccess=false

import httpx
import replicate
from langchain_community.llms import Replicate
from langchain_core.prompts import PromptTemplate
from steps import FILE, PROMPT, TEXT, Facts, Place, tell

SLOWLY_MS = 60


def by_version(model: str) -> str:
    """`owner/name:version` of *model*."""
    return f"{model}:{replicate.models.get(model).latest_version.id}"


def text(_place: Place) -> Facts:
    """The prompt goes into the input that stands first in the schema."""
    return {"output": Replicate(model=TEXT).invoke(PROMPT)}


def text_by_version(_place: Place) -> Facts:
    return {"output": Replicate(model=by_version(TEXT)).invoke(PROMPT)}


def chain(_place: Place) -> Facts:
    question = PromptTemplate.from_template("What is {thing}?")
    return {"output": (question | Replicate(model=TEXT)).invoke({"thing": "darkroom"})}


def streaming(_place: Place) -> Facts:
    model = Replicate(model=TEXT, model_kwargs={"ms": SLOWLY_MS})
    return {"chunks": list(model.stream(PROMPT))}


def stop(_place: Place) -> Facts:
    """A stop sequence cancels the prediction."""
    model = Replicate(model=TEXT, model_kwargs={"ms": 10 * SLOWLY_MS})
    chunks = list(model.stream("one two three four five six", stop=["two"]))
    last = replicate.predictions.list().results[0]
    return {"chunks": chunks, "status": last.status}


def picture(place: Place) -> Facts:
    """A picture comes as its address."""
    model = Replicate(model=by_version(FILE), model_kwargs={"image": place.data_url})
    answer = httpx.get(model.invoke("as it is"))
    return {"same": answer.content == place.data}


if __name__ == "__main__":
    tell(text, text_by_version, chain, streaming, stop, picture)
