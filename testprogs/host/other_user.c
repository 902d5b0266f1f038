/*
 * A server that gives up root, for a while and for good, before and after its first threads: what is recorded as another
 * user can still be written, and the race is seen. (Run by anybody but root, or from a folder that is root's alone, where
 * another user does not find the analyzer, it only becomes itself.) Its umask leaves nobody any right to new files.
 *
 * EXPECT: race  @work @work  counter
 * MODE: instrumented patched
 * BARE: yes
 */
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOBODY 65534

static int counter;

static void *work(void *argument)
{
    counter++; /* @work */
    return argument;
}

static void two_threads(void)
{
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, work, NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
}

static bool folders_open(void)
{
    char path[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
    while (length > 0) {
        struct stat folder;
        while (length > 0 && path[length - 1] != '/')
            length--;
        path[length] = 0;
        if (stat(length ? path : "/", &folder) || !(folder.st_mode & S_IXOTH))
            return false;
        length--;
    }
    return true;
}

int main(void)
{
    uid_t user = geteuid() || !folders_open() ? geteuid() : NOBODY;
    int results[4];
    umask(0777);
    results[0] = seteuid(user);
    two_threads();
    results[1] = setreuid((uid_t)-1, getuid());
    two_threads();
    results[2] = setresuid((uid_t)-1, user, (uid_t)-1) | setresuid((uid_t)-1, getuid(), (uid_t)-1);
    results[3] = setuid(user);
    two_threads();
    printf("%d %d %d %d, %s\n", results[0], results[1], results[2], results[3],
           geteuid() == user ? "as asked" : "not");
    return 0;
}
