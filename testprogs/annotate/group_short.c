/*
 * Of three tasks of a wait group one leaves early and does not say that it is done.
 *
 * EXPECT: blocked @group_wait group.count [proved]
 * EXPECT: exit hang
 * MODE: plain instrumented
 */
#include <pthread.h>

#include "../support/group.h"

static struct group group;
static int parts[3] = {1, -1, 1};

static void *work(void *part)
{
    if (*(int *)part < 0)
        return NULL;
    *(int *)part *= 2;
    group_done(&group);
    return NULL;
}

int main(void)
{
    pthread_t threads[3];
    group_add(&group, 3);
    for (int i = 0; i < 3; i++) {
        pthread_create(&threads[i], NULL, work, &parts[i]);
    }
    group_wait(&group);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    return parts[0] + parts[1] + parts[2] - 3;
}
