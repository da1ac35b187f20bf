import socket, sys

listener = socket.socket()                     # a socket: TCP over IPv4
listener.bind(("127.0.0.1", int(sys.argv[1]))) # gets its address
listener.listen()                              # and becomes a listening one
print("listening on 127.0.0.1:%d" % listener.getsockname()[1], flush=True)
stream, client = listener.accept()             # a second socket, for this client
while data := stream.recv(1024):               # b"": the client has finished
    stream.sendall(data)
stream.close()
