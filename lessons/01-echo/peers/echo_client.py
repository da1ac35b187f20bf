import socket, sys

stream = socket.socket()
stream.connect(("127.0.0.1", int(sys.argv[1])))
stream.sendall(sys.argv[2].encode())
stream.shutdown(socket.SHUT_WR)                # half-close: we have finished
echo = b""
while data := stream.recv(1024):               # b"": the server has finished too
    echo += data
print(echo.decode())
