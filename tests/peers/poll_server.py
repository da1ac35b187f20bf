# Lesson 8's protocol in Python with one thread and selectors, to measure it beside lesson 9's engine.
import itertools, selectors, socket, sys

numbers, sel = itertools.count(1), selectors.DefaultSelector()
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=4096)
listener.setblocking(False)
sel.register(listener, selectors.EVENT_READ)
print("listening on 127.0.0.1:%d" % listener.getsockname()[1], flush=True)

class Client:
    __slots__ = "stream", "begun", "waiting"
    def __init__(self, stream):
        self.stream, self.begun, self.waiting = stream, b"", b""

while True:
    for key, events in sel.select():
        if key.fileobj is listener:
            try:
                while True:
                    stream, _ = listener.accept()
                    stream.setblocking(False)
                    stream.send(b"hello, you are client %d\n" % next(numbers))
                    sel.register(stream, selectors.EVENT_READ, Client(stream))
            except BlockingIOError:
                continue
        client, stream = key.data, key.fileobj
        asked = bool(client.waiting)
        try:
            if events & selectors.EVENT_READ:
                data = stream.recv(16384)
                if not data:
                    raise ConnectionError
                lines, end, begun = (client.begun + data).rpartition(b"\n")
                client.begun = begun
                client.waiting += lines + end
                if len(client.begun) > 8192 or len(client.waiting) > 1 << 20:
                    raise ConnectionError
            if client.waiting:
                client.waiting = client.waiting[stream.send(client.waiting):]
        except BlockingIOError:
            pass
        except OSError:
            sel.unregister(stream)
            stream.close()
            continue
        if bool(client.waiting) != asked:
            interest = selectors.EVENT_READ | (selectors.EVENT_WRITE if client.waiting else 0)
            sel.modify(stream, interest, client)
