"""No runner but a host that speaks nonsense: `python -m tests.zoo.garbles --descriptor n`."""

import signal
import socket
import sys

if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[sys.argv.index("--descriptor") + 1])) as connection:
        connection.recv(1)
        connection.sendall(b"\x00\x00\x00\x05hello")
        signal.pause()
