/*
 * 10,000 fibers, all alive at the same time, carried in turn by four threads: each adds to a sum under a mutex, and to a
 * number of its own without one, in three visits by different threads.
 *
 * EXPECT: none
 * MODE: plain instrumented
 */
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <ucontext.h>

#define FIBERS  10000
#define THREADS 4
#define VISITS  3
#define STACK   16384

struct fiber {
    ucontext_t self, *carrier;
    long own;
};

static struct fiber *fibers;
static char *stacks;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t barrier;
static long sum;

static void body(int number)
{
    struct fiber *me = &fibers[number];
    for (int visit = 0; visit < VISITS; visit++) {
        me->own += number;
        pthread_mutex_lock(&lock);
        sum++;
        pthread_mutex_unlock(&lock);
        if (visit < VISITS - 1)
            swapcontext(&me->self, me->carrier);
    }
    setcontext(me->carrier);
}

static void *carry(void *number)
{
    int me = *(int *)number;
    ucontext_t here;
    for (int visit = 0; visit < VISITS; visit++) {
        int part = (me + visit) % THREADS;
        for (int i = part; i < FIBERS; i += THREADS) {
            fibers[i].carrier = &here;
            if (visit == 0) {
                getcontext(&fibers[i].self);
                fibers[i].self.uc_stack.ss_sp = stacks + (size_t)i * STACK;
                fibers[i].self.uc_stack.ss_size = STACK;
                fibers[i].self.uc_link = NULL;
                makecontext(&fibers[i].self, (void (*)(void))body, 1, i);
            }
            swapcontext(&here, &fibers[i].self);
        }
        pthread_barrier_wait(&barrier);
    }
    return NULL;
}

static void *zeroes(size_t size)
{
    return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
                0);
}

int main(void)
{
    pthread_t threads[THREADS];
    int numbers[THREADS];
    long total = 0;
    fibers = zeroes(FIBERS * sizeof *fibers);
    stacks = zeroes((size_t)FIBERS * STACK);
    pthread_barrier_init(&barrier, NULL, THREADS);
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        pthread_create(&threads[i], NULL, carry, &numbers[i]);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < FIBERS; i++)
        total += fibers[i].own;
    printf("%ld %ld\n", sum, total);
    return 0;
}
