/* Where our own files are: see place.h. */
#include "analyzer/place.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyzer/memory.h"

char *place_self(void)
{
    return realpath("/proc/self/exe", NULL);
}

/* The first of some paths, relative to the folder of gorocheck, that exists. */
static char *place_find(const char *const *candidates, const char *file)
{
    char *self = place_self(), *found = NULL;
    char *slash = self ? strrchr(self, '/') : NULL;
    if (slash)
        *slash = 0;
    for (; slash && !found && *candidates; candidates++) {
        char *path = memory_format("%s/%s", self, *candidates);
        char *whole = memory_format("%s/%s", path, file);
        if (!access(whole, R_OK))
            found = realpath(path, NULL);
        free(path);
        free(whole);
    }
    free(self);
    return found;
}

char *place_shim(void)
{
    static const char *const candidates[] = {"../lib", "../lib/gorocheck", "../lib64", ".", NULL};
    char *folder = place_find(candidates, "libgorocheck.so");
    char *path = folder ? memory_format("%s/libgorocheck.so", folder) : NULL;
    free(folder);
    return path;
}

char *place_stub(void)
{
    static const char *const candidates[] = {"../lib/gorocheck", "../lib64/gorocheck", "gorocheck",
                                             NULL};
    return place_find(candidates, "libtsan.so.2");
}
