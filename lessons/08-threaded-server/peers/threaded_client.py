import socket, sys

stream = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=10)
lines = stream.makefile("rb")
print(lines.readline().decode(), end="")       # the greeting, or "server full"
for line in sys.stdin:
    stream.sendall(line.encode())
    print(lines.readline().decode(), end="")
