# Threads, locks, conditions, queues, an executor and a subprocess of CPython, for testprogs/real/run.
import concurrent.futures
import hashlib
import queue
import subprocess
import threading
import zlib

lock = threading.Lock()
totals = {}
jobs = queue.Queue(maxsize=8)
done = threading.Event()


def worker(number):
    while True:
        job = jobs.get()
        if job is None:
            break
        digest = hashlib.sha256(zlib.compress(b"%d" % job * 2000)).hexdigest()
        with lock:
            totals[job] = digest


threads = [threading.Thread(target=worker, args=(i,)) for i in range(4)]
for thread in threads:
    thread.start()
for job in range(400):
    jobs.put(job)
for _ in threads:
    jobs.put(None)
for thread in threads:
    thread.join()

barrier = threading.Barrier(3)
order = []


def meet(number):
    for turn in range(20):
        barrier.wait()
        with lock:
            order.append(turn)
        barrier.wait()


meeting = [threading.Thread(target=meet, args=(i,)) for i in range(3)]
for thread in meeting:
    thread.start()
for thread in meeting:
    thread.join()

with concurrent.futures.ThreadPoolExecutor(4) as pool:
    squares = list(pool.map(lambda n: n * n, range(200)))

background = threading.Thread(target=done.wait, daemon=True)
background.start()
print(subprocess.run(["echo", "child"], capture_output=True, text=True).stdout.strip())
done.set()
background.join()

print(hashlib.sha256("".join(totals[k] for k in sorted(totals)).encode()).hexdigest())
print(order == sorted(order), sum(squares))
