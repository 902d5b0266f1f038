/*
 * A library in a namespace of its own (dlmopen): what it does to shared memory is not recorded, and that is said.
 *
 * EXPECT: none
 * SAYS: it is in a namespace of its own
 * MODE: patched
 * LIBS: -ldl
 * ENV: GOROCHECK_OPTIONS=patch=app
 * TIMEOUT: 20
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static void (*count)(void);

static void *work(void *unused)
{
    count();
    return unused;
}

int main(void)
{
    FILE *file = fopen("count.c", "w");
    if (!file || fputs("int counted; void count(void) { counted++; }\n", file) < 0 || fclose(file))
        return 1;
    if (system("LD_PRELOAD= cc -shared -fPIC -O1 -o count.so count.c"))
        return 2;
    for (int i = 0; i < 3; i++) {
        void *library = dlmopen(LM_ID_NEWLM, "./count.so", RTLD_NOW);
        if (!library)
            return 3;
        *(void **)(void *)&count = dlsym(library, "count");
        pthread_t threads[2];
        pthread_create(&threads[0], NULL, work, NULL);
        pthread_create(&threads[1], NULL, work, NULL);
        pthread_join(threads[0], NULL);
        pthread_join(threads[1], NULL);
        if (i == 1)
            dlclose(library);
    }
    return 0;
}
