"""LitServe with a null model: a picture in, the same picture out."""

# The peer's packages are in its own environment, not in ours.
# pyright: reportMissingImports=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUntypedBaseClass=false, reportUnknownParameterType=false

import base64
import sys

import litserve as ls


class Echo(ls.LitAPI):
    def setup(self, device: str) -> None:
        """Nothing to load."""

    def decode_request(self, request: dict[str, str]) -> bytes:
        return base64.b64decode(request["image"].partition(",")[2])

    def predict(self, picture: bytes) -> bytes:
        return picture

    def encode_response(self, picture: bytes) -> dict[str, str]:
        return {"image": "data:image/png;base64," + base64.b64encode(picture).decode()}


if __name__ == "__main__":
    ls.LitServer(Echo(), accelerator="cpu", workers_per_device=1).run(
        host="127.0.0.1",
        port=int(sys.argv[1]),
        num_api_servers=1,
        log_level="error",
        generate_client_file=False,
    )
