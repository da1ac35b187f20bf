"""Echo server for one client: sends back every byte until the client has finished.

Run: python3 echo_server.py 127.0.0.1 0
"""

import os
import socket
import sys


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: echo_server HOST PORT")
    host = sys.argv[1]
    if not sys.argv[2].isdecimal() or int(sys.argv[2]) > 65535:
        sys.exit(f"error: {sys.argv[2]}: PORT must be 0 to 65535")
    port = int(sys.argv[2])

    # 1. Turn HOST and PORT into an address. (bind does it: it resolves names.)
    address = (host, port)

    # 2. Make a socket, bind it to the address, listen.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        if os.name == "posix":  # bind although connections of an earlier run are in TIME_WAIT
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)

        # 3. Port 0 let the system choose: say which port it chose.
        ip, port = listener.getsockname()
        print(f"listening on {ip}:{port}", flush=True)

        # 4. Accept one client. It gets a socket of its own.
        client, _ = listener.accept()

        # 5. Send back every byte. A read of 0 bytes says that the client has finished.
        with client:
            while True:
                data = client.recv(4096)
                if not data:
                    break
                client.sendall(data)

        # 6. Close. Nothing is left unread, so the client sees a clean end.
        # (The end of each "with" closed its socket.)


if __name__ == "__main__":
    try:
        main()
    except (OSError, UnicodeError) as error:
        sys.exit(f"error: {error}")
