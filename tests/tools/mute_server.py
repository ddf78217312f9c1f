"""Stands in for a redis-server whose graph module waits for itself, which the real one does too seldom
for a test: it says who it is, and answers no query.

mute_server.py CONF
"""
import os
import socket
import sys
import threading

HELLO = (
    b"*14\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n8.2.0\r\n$5\r\nproto\r\n:2\r\n$2\r\nid\r\n:6\r\n"
    b"$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n"
    b"$7\r\nmodules\r\n*1\r\n*4\r\n$4\r\nname\r\n$5\r\ngraph\r\n$3\r\nver\r\n:42201\r\n"
)
ANSWERS = {
    b"HELLO": HELLO,
    b"PING": b"+PONG\r\n",
    b"INFO": b"$13\r\nrun_id:mute\r\n\r\n",
    b"TYPE": b"+none\r\n",
    b"SET": b"+OK\r\n",
    b"DEL": b":0\r\n",
    b"GRAPH.CONFIG": b"+OK\r\n",
}


def settings(path):
    with open(path) as lines:
        pairs = (line.strip().partition(" ") for line in lines)
        return {name: value.strip('"').encode().decode("unicode_escape") for name, _, value in pairs}


def serve(client):
    stream = client.makefile("rwb")
    while head := stream.readline():
        parts = []
        for _ in range(int(head[1:])):
            length = int(stream.readline()[1:])
            parts.append(stream.read(length))
            stream.read(2)
        answer = ANSWERS.get(parts[0].upper())
        if answer is None:
            threading.Event().wait()
        stream.write(answer)
        stream.flush()


conf = settings(sys.argv[1])
listener = socket.socket(socket.AF_UNIX)
listener.bind(conf["unixsocket"])
listener.listen()
with open(conf["pidfile"], "w") as out:
    out.write(str(os.getpid()))
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
