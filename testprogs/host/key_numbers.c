/*
 * Keys of thread-specific data are numbered as without the recorder, and one that was never made is none.
 *
 * EXPECT: none
 * BARE: yes
 * MODE: plain instrumented patched
 */
#include <pthread.h>
#include <stdio.h>

static pthread_key_t keys[20];

static void *work(void *unused)
{
    printf("%d\n", pthread_setspecific(keys[0] + 20, unused));
    for (int i = 0; i < 20; i++)
        printf("%d ", pthread_setspecific(keys[i], &keys[i]));
    return unused;
}

int main(void)
{
    pthread_t thread;
    for (int i = 0; i < 20; i++) {
        pthread_key_create(&keys[i], NULL);
        printf("%u ", keys[i]);
    }
    pthread_create(&thread, NULL, work, NULL);
    pthread_join(thread, NULL);
    for (int i = 0; i < 20; i++)
        pthread_key_delete(keys[i]);
    return 0;
}
