import socket, sys

chat = socket.socket(type=socket.SOCK_DGRAM)   # datagrams: UDP over IPv4
chat.bind(("127.0.0.1", int(sys.argv[1])))     # no listen, no accept
print("listening on 127.0.0.1:%d" % chat.getsockname()[1], flush=True)
while True:
    datagram, sender = chat.recvfrom(65508)    # one datagram, whole, and who sent it
    print("[%s:%d] %s" % (*sender, datagram.decode(errors="replace")), flush=True)
    chat.sendto(input().encode(), sender)      # the reply goes to whoever wrote
