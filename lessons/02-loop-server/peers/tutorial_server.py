import socket, sys

server = socket.socket()
server.bind(("127.0.0.1", int(sys.argv[1])))
server.listen(5)
print("listening on 127.0.0.1:%d" % server.getsockname()[1], flush=True)
while True:
    conn, addr = server.accept()
    while True:
        try:
            data = conn.recv(1024)
            conn.send(b"you said " + data)
        except ConnectionResetError:
            break
    conn.close()
