/*
 * Functions of the C library whose arguments lead to one thing, while another thread uses what lies beside it. A number is
 * read as far as it goes: this one stands at the end of what may be read.
 *
 * EXPECT: none
 * MODE: instrumented clang patched
 */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <wchar.h>

#include "../order.h"

struct {
    char text[4], behind[4];
    int first, second;
    short small, beside;
    char word[4], rest[4];
} given = {"text", "more", 0, 0, 0, 0, "", ""};
char *number;
struct pollfd asked = {.fd = 0, .events = POLLIN};
fd_set sets[2];
const char *source = "12 x 7 abc";
char out[64];
long sum;

static void *calls(void *unused)
{
    int count = 0;
    struct timeval none = {0, 0};
    snprintf(out, sizeof out, "%%%c %hhd %'lld %*.*f %ls %Le %.4s%n", 'c', 1, 2LL, 5, 1, 0.5, L"w",
             1.0L, given.text, &count);
    const char *longest = "%d %d %llf %d %.4s"; /* as with L */
    snprintf(out, sizeof out, longest, 1, 2, 1.0L, 3, given.text);
    if (sscanf(source, "%d%*[ x]%hd %3s %d", &given.first, &given.small, given.word,
               &given.second) != 3)
        abort();
    if (strtol(number, NULL, 10) != 7 || atoi(number) != 7)
        abort();
    poll(&asked, 1, 0);
    select(1, &sets[0], NULL, NULL, &none);
    if (count == 0)
        abort();
    order_signal(1);
    return unused;
}

static void *others(void *unused)
{
    order_wait(1);
    given.behind[0] = 'M';
    number[-1] = '1';
    given.second = 1; /* nothing was left for it to be read from */
    given.beside = 1;
    given.rest[0] = 'r';
    sum += asked.fd + (long)sizeof sets;
    FD_SET(1, &sets[1]);
    return unused;
}

int main(void)
{
    pthread_t a, b;
    char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(pages + 4096, 4096, PROT_NONE);
    number = memcpy(pages + 4094, "7,", 2);
    FD_SET(0, &sets[0]);
    pthread_create(&a, NULL, calls, NULL);
    pthread_create(&b, NULL, others, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    printf("%s %d %d\n", given.word, given.first, given.small);
    return 0;
}
