"""What device_sdk.py runs, with the SDK and its libraries on the path, nothing of ours."""

import json
import os
import sys
from typing import Any

from linkkit.linkkit import LinkKit


def main() -> None:
    """Sign in, call what is asked for, tell what comes, until stdin ends."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the SDK prints must not stand between the lines

    def tell(what: str, value: Any) -> None:
        out.write(json.dumps([what, value]) + "\n")
        out.flush()

    product_key, device_name, secret, port, ca, secure = json.loads(sys.stdin.readline())
    client = LinkKit("127.0.0.1", product_key, device_name, secret)
    client.config_mqtt(port=port, secure=secure, cadata=ca, endpoint="localhost")
    client.on_connect = lambda flag, code, data: tell("connected", code)
    client.on_ota_message_arrived = lambda *job: tell("job", job)
    client.connect_async()
    for line in sys.stdin:
        method, *arguments = json.loads(line)
        tell(method, str(getattr(client, method)(*arguments)))
    client.disconnect()


if __name__ == "__main__":
    main()
