/*
 * A string instruction of a terabyte, up or down, runs into a page that is not there: it ends at once, and what came before
 * that page has been touched.
 *
 * EXPECT: race @fill @touch
 * MODE: patched lazy
 * ONLY: it is about patching
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>

#include "../order.h"

#define PART ((size_t)1 << 21)

static char *area; /* two parts, and a page in between that is not there */
static sigjmp_buf back;

static void jump(int number)
{
    siglongjmp(back, number);
}

static void fill(char *from, int down)
{
    size_t count = (size_t)1 << 40;
    if (sigsetjmp(back, 1) != 0)
        return;
    if (down)
        __asm__ volatile("std\n rep stosb\n cld" : "+D"(from), "+c"(count) : "a"(7) : "memory");
    else
        __asm__ volatile("rep stosb" : "+D"(from), "+c"(count) : "a"(7) : "memory"); /* @fill */
}

static void *first(void *unused)
{
    fill(area + PART - 8192, 0);
    fill(area + PART + 8192, 1);
    order_signal(1);
    return unused;
}

static void *second(void *unused)
{
    order_wait(1);
    area[PART - 4000]++; /* @touch */
    return unused;
}

int main(void)
{
    pthread_t a, b;
    signal(SIGSEGV, jump);
    area = mmap(NULL, 2 * PART, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(area + PART, 4096, PROT_NONE);
    pthread_create(&a, NULL, first, NULL);
    pthread_create(&b, NULL, second, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    printf("%d %d %d %d\n", area[PART - 8193], area[PART - 1], area[PART + 4096],
           area[PART + 8193]);
    return area[PART - 1] != 7 || area[PART + 4096] != 7 || area[PART + 8193] == 7;
}
