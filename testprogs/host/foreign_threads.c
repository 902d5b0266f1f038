/*
 * Threads that the C library makes by itself: for timers, queues, asynchronous input and output, and names. Nothing is
 * shared with them but by their semaphore and what they are given.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 * BARE: yes
 */
#include <aio.h>
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <netdb.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static sem_t called;
static int calls;
static char text[8];

static void call(union sigval value)
{
    (*(int *)value.sival_ptr)++;
    sem_post(&called);
}

static struct sigevent event = {
    .sigev_notify = SIGEV_THREAD, .sigev_value.sival_ptr = &calls, .sigev_notify_function = call};

static int timers(void)
{
    timer_t timer;
    struct itimerspec once = {.it_value = {0, 1000000}};
    if (timer_create(CLOCK_MONOTONIC, &event, &timer))
        return 1;
    for (int i = 0; i < 3; i++) {
        timer_settime(timer, 0, &once, NULL);
        sem_wait(&called);
    }
    return timer_delete(timer);
}

/* Where the system has no queues there is nothing to see. */
static void queues(void)
{
    char name[64];
    snprintf(name, sizeof(name), "/foreign_threads.%d", getpid());
    struct mq_attr attributes = {.mq_maxmsg = 1, .mq_msgsize = 8};
    mqd_t queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attributes);
    mq_unlink(name);
    if (queue < 0 || mq_notify(queue, &event))
        return;
    mq_send(queue, "x", 1, 0);
    sem_wait(&called);
    mq_close(queue);
}

static int settled(const struct aiocb *block)
{
    const struct aiocb *list[1] = {block};
    while (aio_error(block) == EINPROGRESS)
        aio_suspend(list, 1, NULL);
    return (int)aio_return((struct aiocb *)block);
}

static int settled64(const struct aiocb64 *block)
{
    const struct aiocb64 *list[1] = {block};
    while (aio_error64(block) == EINPROGRESS)
        aio_suspend64(list, 1, NULL);
    return (int)aio_return64((struct aiocb64 *)block);
}

static void input_output(int fd)
{
    struct aiocb block = {.aio_fildes = fd, .aio_buf = "four", .aio_nbytes = 4};
    struct aiocb64 block64 = {.aio_fildes = fd, .aio_buf = "five!", .aio_nbytes = 5};
    block.aio_sigevent.sigev_notify = block64.aio_sigevent.sigev_notify = SIGEV_NONE;
    aio_write(&block);
    printf("%d", settled(&block));
    aio_write64(&block64);
    printf(" %d", settled64(&block64));
    aio_fsync(O_SYNC, &block);
    printf(" %d", settled(&block));
    aio_fsync64(O_SYNC, &block64);
    printf(" %d", settled64(&block64));
    block.aio_buf = text;
    block64.aio_buf = text + 4;
    block64.aio_nbytes = 1;
    aio_read64(&block64);
    printf(" %d", settled64(&block64));
    block.aio_sigevent = event;
    aio_read(&block);
    sem_wait(&called);
    printf(" %d %s\n", settled(&block), text);
    block.aio_sigevent = (struct sigevent){.sigev_notify = SIGEV_NONE};
    block.aio_lio_opcode = LIO_READ;
    block64.aio_lio_opcode = LIO_READ;
    struct aiocb *list[1] = {&block};
    struct aiocb64 *list64[1] = {&block64};
    printf("%d ", lio_listio(LIO_WAIT, list, 1, NULL));
    printf("%d\n", lio_listio64(LIO_WAIT, list64, 1, NULL));
}

static void names(void)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST};
    struct gaicb lookup = {.ar_name = "127.0.0.1", .ar_request = &hints};
    struct gaicb *list[1] = {&lookup};
    printf("%d", getaddrinfo_a(GAI_WAIT, list, 1, NULL));
    printf(" %d\n", gai_error(&lookup));
    freeaddrinfo(lookup.ar_result);
}

int main(void)
{
    sem_init(&called, 0, 0);
    if (timers())
        return 1;
    printf("%d\n", calls);
    queues();
    int fd = memfd_create("foreign_threads", 0);
    input_output(fd);
    close(fd);
    names();
    return 0;
}
