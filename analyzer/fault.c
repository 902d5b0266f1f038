/*
 * What the kernel says by SIGBUS. A trace is written by others while it is read, and its disk may be full: a hole of a file
 * on a tmpfs is given memory when it is read, too. Invariant: the page is of zeros from then on, which every reader
 * survives, and who reports asks for the count.
 */
#include "analyzer/fault.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

static uint32_t count;
static uintptr_t page_size;

static void on_fault(int number, siginfo_t *info, void *context)
{
    (void)context;
    union {
        void *memory;
        uintptr_t number;
    } page = {info->si_addr};
    page.number &= ~(page_size - 1);
    if (info->si_code == BUS_ADRERR &&
        mmap(page.memory, page_size, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED) {
        __atomic_fetch_add(&count, 1, __ATOMIC_RELAXED);
        return;
    }
    signal(number, SIG_DFL);
    raise(number);
}

void fault_guard(void)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    page_size = (uintptr_t)sysconf(_SC_PAGESIZE);
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, NULL);
}

uint32_t fault_count(void)
{
    return __atomic_load_n(&count, __ATOMIC_RELAXED);
}
