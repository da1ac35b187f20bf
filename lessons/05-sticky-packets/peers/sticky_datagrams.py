import socket, sys

sender = socket.socket(type=socket.SOCK_DGRAM)
for message in "hej", "привет", "hi", "hola", "你好":
    sender.sendto(message.encode(), ("127.0.0.1", int(sys.argv[1])))
