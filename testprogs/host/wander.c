/*
 * The program changes its directory, its umask, its name and its environment.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 * BARE: yes
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

static void *work(void *unused)
{
    return unused;
}

int main(void)
{
    pthread_t thread;
    umask(0777);
    if (chdir("/"))
        return 1;
    clearenv();
    prctl(PR_SET_NAME, "wanderer");
    pthread_create(&thread, NULL, work, NULL);
    pthread_setname_np(thread, "companion");
    pthread_join(thread, NULL);
    FILE *file = tmpfile();
    printf("%d %d\n", file != NULL, getenv("PATH") == NULL);
    return 0;
}
