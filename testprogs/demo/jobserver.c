/*
 * A small job server, as one writes it: clients put requests into a bounded queue, workers answer them, a housekeeper
 * rotates the log. It has five bugs; `make demo` shows what gorocheck says of them.
 *
 * EXPECT: race @served @served stats.served [proved]
 * EXPECT: race @served @report stats.served [proved]
 * EXPECT: blocked @forgotten
 * EXPECT: unjoined @workers worker [proved]
 * EXPECT: deadlock @log_in_lookup @cache_in_rotate [predicted]
 * MODE: instrumented patched
 * BARE: yes
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { WORKERS = 3, REQUESTS = 12, QUEUE_SIZE = 16, PATIENCE_MS = 1000 };

/* A request is answered hand to hand: the worker waits until its answer has been taken. */
struct request {
    pthread_mutex_t lock;
    pthread_cond_t answered, taken;
    int number, answer, state; /* 0 waiting, 1 answered, 2 taken */
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t not_empty, not_full;
    struct request *items[QUEUE_SIZE];
    int head, used, closed;
} queue = {.lock = PTHREAD_MUTEX_INITIALIZER,
           .not_empty = PTHREAD_COND_INITIALIZER,
           .not_full = PTHREAD_COND_INITIALIZER};

static struct {
    long served, hits;
} stats;

static pthread_mutex_t cache_lock = PTHREAD_MUTEX_INITIALIZER, log_lock = PTHREAD_MUTEX_INITIALIZER;
static int cache[8], log_lines;

static void queue_put(struct request *request)
{
    pthread_mutex_lock(&queue.lock);
    while (queue.used == QUEUE_SIZE)
        pthread_cond_wait(&queue.not_full, &queue.lock);
    queue.items[(queue.head + queue.used++) % QUEUE_SIZE] = request;
    pthread_cond_signal(&queue.not_empty);
    pthread_mutex_unlock(&queue.lock);
}

static struct request *queue_take(void)
{
    struct request *request = NULL;
    pthread_mutex_lock(&queue.lock);
    while (!queue.used && !queue.closed)
        pthread_cond_wait(&queue.not_empty, &queue.lock);
    if (queue.used) {
        request = queue.items[queue.head];
        queue.head = (queue.head + 1) % QUEUE_SIZE;
        queue.used--;
        pthread_cond_signal(&queue.not_full);
    }
    pthread_mutex_unlock(&queue.lock);
    return request;
}

static void queue_close(void)
{
    pthread_mutex_lock(&queue.lock);
    queue.closed = 1;
    pthread_cond_broadcast(&queue.not_empty);
    pthread_mutex_unlock(&queue.lock);
}

static int lookup(int number)
{
    pthread_mutex_lock(&cache_lock);
    int found = cache[number % 8]++;
    pthread_mutex_lock(&log_lock); /* @log_in_lookup: the cache, then the log */
    log_lines++;
    pthread_mutex_unlock(&log_lock);
    pthread_mutex_unlock(&cache_lock);
    return found + number;
}

static void rotate_log(void)
{
    pthread_mutex_lock(&log_lock);
    log_lines = 0;
    pthread_mutex_lock(&cache_lock); /* @cache_in_rotate: the log, then the cache */
    for (int i = 0; i < 8; i++)
        cache[i] = 0;
    pthread_mutex_unlock(&cache_lock);
    pthread_mutex_unlock(&log_lock);
}

static void answer(struct request *request, int value)
{
    pthread_mutex_lock(&request->lock);
    request->answer = value;
    request->state = 1;
    pthread_cond_signal(&request->answered);
    while (request->state != 2)
        pthread_cond_wait(&request->taken, &request->lock); /* @forgotten: a late answer */
    pthread_mutex_unlock(&request->lock);
    free(request);
}

static void *worker(void *unused)
{
    struct request *request;
    while ((request = queue_take())) {
        int value = lookup(request->number);
        usleep(request->number == 5 ? 2000000 : 3000); /* the work; request 5 is a heavy one */
        stats.served++;                                /* @served: no lock */
        answer(request, value);
    }
    return unused;
}

static void *housekeeper(void *unused)
{
    usleep(3000000);
    rotate_log();
    return unused;
}

static struct request *submit(int number)
{
    struct request *request = calloc(1, sizeof(*request));
    pthread_mutex_init(&request->lock, NULL);
    pthread_cond_init(&request->answered, NULL);
    pthread_cond_init(&request->taken, NULL);
    request->number = number;
    queue_put(request);
    return request;
}

static int wait_for_answer(struct request *request)
{
    struct timespec end;
    int value = -1;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_nsec += PATIENCE_MS * 1000000L;
    end.tv_sec += end.tv_nsec / 1000000000;
    end.tv_nsec %= 1000000000;
    pthread_mutex_lock(&request->lock);
    while (!request->state &&
           pthread_cond_timedwait(&request->answered, &request->lock, &end) != ETIMEDOUT)
        ;
    if (request->state) {
        value = request->answer;
        request->state = 2;
        pthread_cond_signal(&request->taken);
    }
    pthread_mutex_unlock(&request->lock); /* after a time-out the request is forgotten */
    return value;
}

int main(void)
{
    pthread_t workers[WORKERS], keeper;
    struct request *requests[REQUESTS];
    for (int i = 0; i < REQUESTS; i++)
        requests[i] = submit(i);
    for (int i = 0; i < WORKERS; i++)
        pthread_create(&workers[i], NULL, worker, NULL); /* @workers: never joined */
    pthread_create(&keeper, NULL, housekeeper, NULL);
    for (int i = 0; i < REQUESTS; i++)
        if (wait_for_answer(requests[i]) < 0)
            printf("request %d timed out\n", i);
    queue_close();
    pthread_join(keeper, NULL);
    puts(stats.served > WORKERS ? "served" : "not served"); /* @report */
    return 0;
}
