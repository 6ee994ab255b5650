"""A program: a Ray cluster of pretended machines, steered by lines on stdin.

It is a process of its own because Ray's processes end with the one that started them.
"""

import json
import signal
import sys
from typing import Any, cast

from ray.cluster_utils import Cluster

SMALL = {"object_store_memory": 80 * 2**20, "include_dashboard": False}


def tell(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


def main(port: int) -> None:
    node: Any
    cluster = cast("Any", Cluster)(
        initialize_head=True, head_node_args={**SMALL, "num_cpus": 0, "gcs_server_port": port}
    )
    nodes: dict[str, Any] = {}
    tell(cluster.address)
    for line in sys.stdin:
        match json.loads(line):
            case ["add", str(name), int(gpus)]:
                node = cluster.add_node(**SMALL, num_cpus=2 * gpus, num_gpus=gpus)
                nodes[name] = node
            case ["remove", str(name)]:
                cluster.remove_node(nodes.pop(name), allow_graceful=False)
            case ["kill head"]:
                cluster.head_node.kill_gcs_server()
            case ["signal head", str(name)]:
                (head,) = cluster.head_node.all_processes["gcs_server"]
                head.process.send_signal(signal.Signals[name])
            case ["start head"]:
                cluster.head_node.start_gcs_server()
            case other:
                raise SystemExit(f"unknown: {other}")
        tell("done")


if __name__ == "__main__":
    main(int(sys.argv[1]))
