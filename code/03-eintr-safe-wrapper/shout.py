# A parent in Python, a child in C: the messages of multiprocessing.Connection.
import os
import subprocess
from multiprocessing.connection import Connection

child_in, ours_out = os.pipe()
ours_in, child_out = os.pipe()
child = subprocess.Popen(["./shout"], stdin=child_in, stdout=child_out)
os.close(child_in)
os.close(child_out)
to_child = Connection(ours_out, readable=False)
from_child = Connection(ours_in, writable=False)

for text in "fool", "", "END":
    to_child.send_bytes(text.encode())
    print(text, "->", from_child.recv_bytes().decode(), flush=True)
to_child.close()
print("the child exited with status", child.wait())
