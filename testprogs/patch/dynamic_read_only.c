/*
 * A program whose dynamic section is read-only (ld.lld -z rodynamic): the dynamic linker leaves the addresses in it as they
 * are in the file. It makes itself such a one: what the program header says is all that counts.
 *
 * EXPECT: race @write @read cell
 * MODE: patched lazy
 * ONLY: nothing of it is looked at where no machine code is patched
 */
#include <elf.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "../order.h"

#define MOST (4u << 20)

static int cell;

static void *writes(void *unused)
{
    cell = 1; /* @write */
    order_signal(1);
    return unused;
}

static void *reads(void *unused)
{
    order_wait(1);
    return cell ? unused : NULL; /* @read */
}

static int again(char **arguments)
{
    char *file = malloc(MOST);
    int from = open("/proc/self/exe", O_RDONLY), to = open("./copy", O_WRONLY | O_CREAT, 0700);
    long size = read(from, file, MOST);
    if (size < (long)sizeof(Elf64_Ehdr))
        return 1;
    Elf64_Phdr *header = (Elf64_Phdr *)(void *)(file + ((Elf64_Ehdr *)(void *)file)->e_phoff);
    for (int i = 0; i < ((Elf64_Ehdr *)(void *)file)->e_phnum; i++)
        if (header[i].p_type == PT_DYNAMIC)
            header[i].p_flags = PF_R;
    if (write(to, file, (size_t)size) != size || close(to) || close(from))
        return 2;
    char *with[] = {arguments[0], "again", NULL};
    execv("./copy", with);
    return 3;
}

int main(int count, char **arguments)
{
    if (count == 1)
        return again(arguments);
    pthread_t threads[2];
    pthread_create(&threads[0], NULL, writes, NULL);
    pthread_create(&threads[1], NULL, reads, NULL);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    return 0;
}
