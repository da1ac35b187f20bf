"""Echo client: sends one message, says that it is done, prints what comes back.

Run: python3 echo_client.py 127.0.0.1 PORT MESSAGE
"""

import os
import socket
import sys


def main():
    if len(sys.argv) != 4:
        sys.exit("usage: echo_client HOST PORT MESSAGE")
    host = sys.argv[1]
    if not sys.argv[2].isdecimal() or int(sys.argv[2]) > 65535:
        sys.exit(f"error: {sys.argv[2]}: PORT must be 0 to 65535")
    port = int(sys.argv[2])
    message = os.fsencode(sys.argv[3])  # the argument's bytes, whatever they are

    # 1. Turn HOST and PORT into addresses, connect to the first that answers.
    with socket.create_connection((host, port)) as server:
        # 2. Send the whole message.
        server.sendall(message)

        # 3. Half-close: nothing more will come from here, but go on reading.
        server.shutdown(socket.SHUT_WR)

        # 4. Print every byte. A read of 0 bytes says that the server has finished.
        while True:
            data = server.recv(4096)
            if not data:
                break
            sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    # 5. Close. (The end of "with" did it.)


if __name__ == "__main__":
    try:
        main()
    except (OSError, UnicodeError) as error:
        sys.exit(f"error: {error}")
