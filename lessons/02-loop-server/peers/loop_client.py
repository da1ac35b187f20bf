import socket, sys

stream = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
for line in sys.stdin:
    message = line.rstrip("\n").encode()
    if not message:
        continue
    if message == b"q":
        break
    stream.sendall(message)
    echo = b""
    while len(echo) < len(message):            # the echo may come in pieces
        echo += stream.recv(len(message) - len(echo)) or sys.exit("the server is gone")
    print(echo.decode())
