/*
 * What must never be called inside somebody else's process (docs/design.md, "Living in the host"): a use is a compile
 * error. Include last. libunwind, dlsym and the real functions found by it are the only foreign code we run.
 */
#ifndef SHIM_BANNED_H
#define SHIM_BANNED_H

#pragma GCC poison malloc calloc realloc printf fprintf sprintf snprintf vsnprintf puts fputs \
    fopen fclose fwrite fread
#pragma GCC poison strdup getline perror strerror setenv unsetenv putenv system popen
#pragma GCC poison mmap munmap open close ftruncate fallocate mkdir unlink usleep nanosleep sleep

#endif
