import selectors, socket, sys

sel, people = selectors.DefaultSelector(), {}
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=4096)
listener.setblocking(False)
sel.register(listener, selectors.EVENT_READ)
print("listening on 127.0.0.1:%d" % listener.getsockname()[1], flush=True)

class Person:
    def __init__(self, stream):
        self.stream, self.name, self.input, self.output = stream, None, b"", b""
        people[stream] = self
        sel.register(stream, selectors.EVENT_READ)
    def put(self, line):                           # of any length, sadly
        if not self.output:                        # asked only while something waits
            sel.modify(self.stream, selectors.EVENT_READ | selectors.EVENT_WRITE)
        self.output += line
    def write(self):
        self.output = self.output[self.stream.send(self.output):]
        if not self.output:
            sel.modify(self.stream, selectors.EVENT_READ)
    def read(self):
        data = self.stream.recv(65536)
        if not data:
            return self.leave()
        *lines, self.input = (self.input + data).split(b"\n")
        for line in lines:
            if self.name:
                tell(self, self.name + b": " + line)
            else:                                  # any name, and twice, sadly
                here = [p.name for p in people.values() if p.name]
                self.put(b"* here: " + b", ".join(here[:100]) + b"\n" if here else b"* nobody else is here\n")
                self.name = line
                tell(self, b"* " + line + b" is here")
    def leave(self):
        sel.unregister(self.stream)
        del people[self.stream]
        try:
            self.stream.send(self.output)          # what does not fit is lost, sadly
        except OSError:
            pass
        self.stream.close()
        if self.name:
            tell(self, b"* " + self.name + b" has left")

def tell(sender, line):
    for person in people.values():
        if person is not sender and person.name:
            person.put(line + b"\n")

while True:
    for key, events in sel.select():
        if key.fileobj is listener:
            stream, _ = listener.accept()
            stream.setblocking(False)
            Person(stream)
            continue
        person = people.get(key.fileobj)           # perhaps gone since
        try:
            if person and events & selectors.EVENT_READ:
                person.read()
            if key.fileobj in people and events & selectors.EVENT_WRITE and person.output:
                person.write()
        except BlockingIOError:
            pass
        except OSError:
            person.leave()
