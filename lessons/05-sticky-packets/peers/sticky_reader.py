import socket, sys

stream = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
while piece := stream.recv(int(sys.argv[2])):  # up to so many bytes, as many as there are
    print(len(piece), piece)                   # bytes, not text: a character may be cut
