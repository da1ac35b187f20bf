import socket, sys

stream = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
for message in "hej", "привет", "hi", "hola", "你好":
    stream.sendall(message.encode())
stream.close()
