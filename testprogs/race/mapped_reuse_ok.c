/*
 * A mapping that lies where another one lay before is another memory.
 *
 * EXPECT: none
 * MODE: instrumented patched
 */
#include <pthread.h>
#include <sys/mman.h>

#include "../order.h"

static void work(void)
{
    char *map = mmap((void *)0x7f0000000000, 1 << 16, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    for (int i = 0; i < 1 << 16; i += 100)
        map[i] = 1;
    munmap(map, 1 << 16);
}

static void *first(void *unused)
{
    work();
    order_signal(1);
    return unused;
}

static void *second(void *unused)
{
    order_wait(1);
    work();
    return unused;
}

int main(void)
{
    pthread_t a, b;
    pthread_create(&a, NULL, first, NULL);
    pthread_create(&b, NULL, second, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    return 0;
}
