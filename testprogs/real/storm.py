# A handler in Python two thousand times a second, while hashing and compressing libraries work.
import hashlib
import signal
import zlib

ticks = 0


def tick(*unused):
    global ticks
    ticks += 1


signal.signal(signal.SIGALRM, tick)
signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
digest = hashlib.sha256()
for i in range(3000):
    digest.update(zlib.compress(b"%d" % i * 300))
while ticks < 5:
    pass
signal.setitimer(signal.ITIMER_REAL, 0)
print(digest.hexdigest())
