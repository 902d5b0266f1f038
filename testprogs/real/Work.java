// Threads, monitors, executors, parallel streams, atomics, exceptions and compression of Java, for testprogs/real/run.
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.LongStream;
import java.util.zip.CRC32;
import java.util.zip.Deflater;

public class Work {
    private static int turn = 0;
    private static final Object LOCK = new Object();

    public static void main(String[] args) throws Exception {
        Thread[] pair = new Thread[2];
        for (int i = 0; i < 2; i++) {
            final int me = i;
            pair[i] = new Thread(() -> {
                for (int n = 0; n < 500; n++) {
                    synchronized (LOCK) {
                        while (turn % 2 != me) {
                            try { LOCK.wait(); } catch (InterruptedException e) { return; }
                        }
                        turn++;
                        LOCK.notifyAll();
                    }
                }
            });
            pair[i].start();
        }
        for (Thread thread : pair) thread.join();

        var pool = Executors.newFixedThreadPool(4);
        List<Future<Long>> sums = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            final int me = i;
            sums.add(pool.submit(() -> {
                byte[] data = new byte[100000], packed = new byte[200000];
                for (int k = 0; k < data.length; k++) data[k] = (byte) (k * me % 251);
                Deflater deflater = new Deflater();
                deflater.setInput(data);
                deflater.finish();
                int length = deflater.deflate(packed);
                deflater.end();
                CRC32 sum = new CRC32();
                sum.update(packed, 0, length);
                return sum.getValue();
            }));
        }
        long total = 0;
        for (Future<Long> sum : sums) total += sum.get();
        pool.shutdown();

        var queue = new ArrayBlockingQueue<Integer>(4);
        Thread giver = new Thread(() -> { try { for (int i = 1; i <= 1000; i++) queue.put(i); queue.put(0); } catch (InterruptedException e) { } });
        giver.start();
        long taken = 0;
        for (int n; (n = queue.take()) != 0;) taken += n;
        giver.join();

        AtomicLong odd = new AtomicLong();
        LongStream.range(0, 200000).parallel().filter(n -> n % 2 == 1).forEach(n -> odd.addAndGet(n));
        int caught = 0;
        Object[] none = new Object[1];
        for (int i = 0; i < 20000; i++) { // a null pointer is a fault that the machine catches
            try { none[0].hashCode(); } catch (NullPointerException e) { caught++; }
        }
        System.gc();
        System.out.println(turn + " " + total + " " + taken + " " + odd + " " + caught);
    }
}
