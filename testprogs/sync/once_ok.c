/*
 * pthread_once and call_once: initialised by one, seen by all.
 *
 * EXPECT: none
 * MODE: instrumented plain clang patched
 */
#include <pthread.h>
#include <threads.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static once_flag flag = ONCE_FLAG_INIT;
static int table, index_table;

static void init_table(void)
{
    table = 1;
}

static void init_index(void)
{
    index_table = 2;
}

static void *work(void *unused)
{
    pthread_once(&once, init_table);
    call_once(&flag, init_index);
    return table + index_table == 3 ? unused : &table;
}

int main(void)
{
    int bad = 0;
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, work, NULL);
    for (int i = 0; i < 3; i++) {
        void *result;
        pthread_join(threads[i], &result);
        bad += result != NULL;
    }
    return bad;
}
