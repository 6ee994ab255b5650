"""What a client of Replicate's API relies on, one sentence each; a test is marked with its number.

Source: Replicate's published API description and documentation, recorded exchanges of
replicate/replicate-python, and what its clients were seen to need.
"""

from collections.abc import Mapping

GROUPS: Mapping[str, Mapping[int, str]] = {
    "Requests, keys and errors": {
        1: "A valid key is taken behind `Bearer` and behind `Token`.",
        2: "Without a key, and with a wrong one, the answer is 401, each in its own words.",
        3: "Every refusal is `application/problem+json` with a text `detail` and its own `status`.",
        4: "An unknown path answers the generic 404.",
        5: "A body that is no JSON answers 400 and says that it could not be parsed.",
        6: "A cancel may say that it sends JSON and then send nothing.",
        7: "A delete may say that it sends JSON and then send nothing.",
        8: "Answers tell in whole numbers what is left of the rate limit and when it starts over.",
        9: "Past the limit the answer is 429 with `detail`, `retry_after` and `Retry-After`.",
        10: "A throttled create has created nothing.",
        11: "Behind a prefix or a proxy every address in an answer leads back the same way.",
    },
    "Creating": {
        12: "A version's 64 digits start a prediction; the 201 shows it empty and `starting`.",
        13: "The digits may follow `owner/name:`.",
        14: "`owner/name` alone starts a prediction of an official model.",
        15: "`latest`, a shortened or an unknown version answers 422.",
        16: "A body without a version answers 422 and says so.",
        17: "A top-level key that nobody knows answers 422 and names it.",
        18: "A model's own address needs no version; that of an official model reads `hidden`.",
        19: "A model that is not official runs by name too (an extension; Replicate answers 404).",
        20: "A deployment's address works, and the answer shows the model and version behind it.",
        21: "Outdated keys of the body (`stream`, `webhook_completed`) do no harm.",
        22: "Unknown inputs do no harm.",
        23: "An id is 26 letters and digits that no other prediction has.",
        24: "`created_at` is a time in UTC, written with `Z`.",
        25: "The addresses in `urls` are absolute, and none is null.",
        26: "`Location` is the prediction's own address.",
        27: "`version` is never null, wherever a prediction is shown.",
    },
    "Waiting": {
        28: "`Prefer: wait`, with or without seconds, is honoured and echoed.",
        29: "What ends within the wait is answered as 201 with its whole output.",
        30: "What does not is answered in time as 202 and reads `starting`, even when it runs.",
        31: "No waiting answer reads `processing` with an output that is not whole.",
        32: "`wait=60` is answered before the client's own 60 seconds are over.",
        33: "Strange waits break nothing.",
        34: "Where the operator wants it, waiting answers hold files as `data:` URLs.",
    },
    "Deadlines, life and cancel": {
        35: "`Cancel-After` takes seconds and mixed units; `deadline` lies that far from creation.",
        36: "A deadline aborts what has not begun and cancels what runs.",
        37: "A status only moves forward, and what has ended stays as it is.",
        38: "`started_at` comes with the start of the run, `completed_at` with every end.",
        39: "A cancel answers 200 with the prediction canceled, and it stays so.",
        40: "A cancel after the end answers 200 and changes nothing.",
        41: "What has ended shows `predict_time` and `total_time` as numbers.",
        42: "A model that fails leaves `failed`, an error in words, and what output there was.",
        43: "A list of outputs only grows.",
        44: "`logs` is always text and only grows.",
    },
    "Checking inputs": {
        45: "A missing input answers 422 and is told as `required` of its parent.",
        46: "A value outside an enum is told with the values there are.",
        47: "A number out of range is told with its bound.",
        48: "A value of another type is told with both types.",
        49: "A file that is no URI is told as a wrong format.",
        50: "All mistakes are told at once, in one order in text and list.",
        51: "A filter without a webhook, and a webhook that is no URL, answer 422.",
    },
    "Lists": {
        52: "Lists are pages of `next`, `previous` and `results`; only hardware is a bare array.",
        53: "`next` is absolute and leads through everything once, until it is null.",
        54: "Predictions come newest first, 100 to a page, and can be narrowed by time.",
        55: "Models can be sorted by two keys and both ways.",
        56: "A search takes its words raw or quoted, as text or as JSON.",
    },
    "Files": {
        57: "Metadata is taken as a text part, as a file part and as one part a key, in any order.",
        58: "A `filename` or `type` of its own goes before those of the file's part.",
        59: "The 201 tells all that clients read of a file; it expires after 24 hours.",
        60: "A file of more than 100 MB answers 413 in JSON.",
        61: "A file can be looked at and deleted; afterwards it answers 404 `File not found`.",
        62: "A signed download needs no key, and a wrong or old signature answers 404.",
        63: "A file's address as an input reaches the model as bytes, for its owner alone.",
        64: "`data:` URLs, sloppy ones too, and web addresses reach the model as files.",
    },
    "Outputs and their removal": {
        65: "An output is served at once, with or without a key, with type, length and ranges.",
        66: "After the retention time outputs and files are gone; status and metrics stay.",
        67: "The vendor's clients turn our outputs into their file objects.",
    },
    "Streams": {
        68: "A stream opens without a key, as `text/event-stream`.",
        69: "Every event has one of four names, an id and data.",
        70: "Who comes late hears everything; who comes back hears what followed.",
        71: "Line breaks inside a chunk reach the vendor's clients unharmed.",
        72: "A stream ends with `done` and the reason; a failure is told before; then it closes.",
        73: "Streams of files live under `/v1/files/`, those of text do not; uploads do too.",
        74: "An idle stream sends comments, and a stale one ends.",
    },
    "Webhooks": {
        75: "Exactly the events asked for are sent, even for the quickest prediction.",
        76: "Outputs and logs are told at most twice a second; the end is neither late nor lost.",
        77: "The body is the prediction as it is shown at that moment.",
        78: "The vendor's own checks accept the signature, and so does the published example.",
        79: "A message keeps its id when it is sent again; the time is that of the attempt.",
        80: "Only the end is sent again, for about a minute; redirects are not followed.",
        81: "The secret is told as `whsec_` and has no other underscore.",
    },
    "Models and the rest": {
        82: "The vendor's client can read every model.",
        83: "Every version has a Cog version and the schemas of input and output.",
        84: "An official model lists no versions.",
        85: "Deleting answers 202 for a version, 204 for a model and a deployment.",
        86: "A model that exists answers 409, unknown hardware 400, both in the wire's words.",
        87: "A training is a prediction that both addresses show and cancel.",
        88: "Account, hardware, collections and search suit the vendor's clients.",
    },
    "End to end": {
        89: "The vendor's unmodified clients do all they can do.",
        90: "LangChain, the AI SDK and a plain loop of requests each run a model.",
    },
}


def numbers() -> set[int]:
    """Every number that a test may be marked with."""
    return {number for statements in GROUPS.values() for number in statements}
