import http.client, sys, urllib.parse

url = urllib.parse.urlsplit(sys.argv[1])
connection = http.client.HTTPConnection(url.netloc, timeout=10)  # for each recv, not for the answer
connection.request("GET", url.path or "/")
answer = connection.getresponse()              # reads the head: its lines have a limit, 64 KiB
print("HTTP/1.%d %d %s" % (answer.version % 10, answer.status, answer.reason))
for name, value in answer.getheaders():
    print(f"{name.lower()}: {value}")
print()
print(answer.read().decode(), end="")          # Content-Length, chunked, or until the end
