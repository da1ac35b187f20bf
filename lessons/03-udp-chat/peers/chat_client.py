import socket, sys

chat = socket.socket(type=socket.SOCK_DGRAM)
chat.connect(("127.0.0.1", int(sys.argv[1])))  # sends nothing: now only that address is heard
chat.settimeout(30)                            # nobody may be there: do not wait for ever
for line in sys.stdin:
    chat.send(line.rstrip("\n").encode())
    print(chat.recv(65508).decode(errors="replace"))
