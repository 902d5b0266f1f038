/*
 * A program with the note of Go's own compiler, which could not be observed: that is said when it starts, since such a program
 * ends without the C library, and it is not "no findings". (Written in C: the compiler is not needed to have its note.)
 *
 * EXPECT: none
 * STATUS: 4
 * SAYS: built by Go's own compiler
 * BARE: yes
 */
#include <pthread.h>
#include <stddef.h>

__asm__(".pushsection .note.go.buildid,\"a\",@note\n"
        ".p2align 2\n"
        ".long 4, 4, 4\n"
        ".ascii \"Go\\0\\0\", \"none\"\n"
        ".popsection\n");

static void *idle(void *unused)
{
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, idle, NULL);
    pthread_join(thread, NULL);
    return 0;
}
