/*
 * What functions of the C library read and write of their caller's memory by way of their arguments. What follows a call by
 * which a task may have learned of the other one is suspected at most.
 *
 * EXPECT: race @printed @text text[2] [proved]
 * EXPECT: race @formatted @number_text number_text[3] [proved]
 * EXPECT: race @scanned @number number [proved]
 * EXPECT: race @allocated @made made [proved]
 * EXPECT: race @polled @answer answer [proved]
 * EXPECT: race @selected @set set [proved]
 * EXPECT: race @token @letters letters[1] [proved]
 * EXPECT: race @sorted @place places[40] [proved]
 * EXPECT: race @local @local_read _tmbuf.tm_year [proved]
 * EXPECT: race @opened @ends ends[1] [proved]
 * EXPECT: race @split @exponent exponent [proved]
 * EXPECT: race @line @line_read line [suspected]
 * EXPECT: race @facts @facts_read facts [suspected]
 * MODE: instrumented clang patched
 */
#define _GNU_SOURCE
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../order.h"

char text[16] = "text", number_text[16] = "number", letters[16] = "a b c";
char *line, *made;
size_t room;
int places[64], ends[2], number, exponent;
double value = 6;
struct pollfd answer = {.fd = 0, .events = POLLIN};
fd_set set;
struct stat facts;
const struct tm *local;
time_t start;
const char *source = "12 rest";
static FILE *file;
long sum;

static int compare(const void *a, const void *b)
{
    int x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return x - y;
}

static void *calls(void *unused)
{
    time_t now = 0;
    char rest[8], out[32];
    struct timeval none = {0, 0};
    if (sscanf(source, "%d %7[a-z]", &number, rest) != 2) /* @scanned */
        abort();
    if (asprintf(&made, "%d", number) < 0) /* @allocated */
        abort();
    poll(&answer, 1, 0);                          /* @polled */
    select(1, &set, NULL, NULL, &none);           /* @selected */
    strtok(letters, " ");                         /* @token */
    qsort(places, 64, sizeof places[0], compare); /* @sorted */
    localtime(&now);                              /* @local */
    if (pipe(ends) != 0)                          /* @opened */
        abort();
    frexp(value, &exponent);                                                     /* @split */
    snprintf(out, sizeof out, "%5d %.*s %f %s", 1, 3, "abcd", 0.5, number_text); /* @formatted */
    printf("%Lf %-8s\n", 1.0L, text);                                            /* @printed */
    if (getline(&line, &room, file) < 0)                                         /* @line */
        abort();
    stat("/", &facts); /* @facts */
    order_signal(1);
    return unused;
}

static void *others(void *unused)
{
    order_wait(1);
    sum += number;            /* @number */
    sum += made != NULL;      /* @made */
    sum += line != NULL;      /* @line_read */
    sum += answer.revents;    /* @answer */
    sum += FD_ISSET(0, &set); /* @set */
    sum += letters[1];        /* @letters */
    sum += places[40];        /* @place */
    sum += facts.st_mode;     /* @facts_read */
    sum += local->tm_year;    /* @local_read */
    sum += ends[1];           /* @ends */
    sum += exponent;          /* @exponent */
    number_text[3] = 'x';     /* @number_text */
    text[2] = 'x';            /* @text */
    return unused;
}

int main(void)
{
    pthread_t a, b;
    FD_SET(0, &set);
    file = fopen("/proc/self/status", "r");
    local = localtime(&start);
    pthread_create(&a, NULL, calls, NULL);
    pthread_create(&b, NULL, others, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    return 0;
}
