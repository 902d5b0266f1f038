/*
 * The dynamic linker's lock. dlopen and dlclose hold it, recursively, from before they look for the library until its
 * constructors or destructors have run: so a constructor is before the return of any later dlopen of that library, by
 * whatever thread, also of one that waited meanwhile. They are not interposed (dlopen looks for files by where its caller
 * lies); but the dynamic linker calls the C library's pthread_mutex_lock and pthread_mutex_unlock through two pointers of
 * its own, which lead here once the recorder is complete. They are found by what they hold; where they are not both found
 * exactly once (another C library), all stays as it was and this order is not seen.
 *
 * Only dlopen's lock counts: by the one on thread-local storage each pthread_create would be ordered with each other. The
 * first that a dlopen takes is the one. dlsym takes it too, within the C library and unseen: who waits for a name that
 * another thread's dlopen makes global, and by nothing else, is not ordered.
 */
#include "shim/loader.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <sys/mman.h>

#include "shim/clock.h"
#include "shim/late.h"

#include "shim/banned.h"
#include "shim/raw.h"

#define PAGE ((uintptr_t)4096)

typedef int (*mutex_function)(pthread_mutex_t *);

static mutex_function real_lock, real_unlock;
static pthread_mutex_t *load_lock; /* NULL: the next that is taken is it */

/* Where the C library is patched: what a mutex consists of is not the program's affair (patch_access.c). */
static int within(mutex_function function, pthread_mutex_t *mutex)
{
    struct thread *thread = thread_current;
    if ((uintptr_t)thread <= THREAD_NONE)
        return function(mutex);
    uintptr_t outer = thread->within;
    thread->within = (uintptr_t)__builtin_frame_address(0);
    int result = function(mutex);
    thread->within = outer;
    return result;
}

static int lock(pthread_mutex_t *mutex)
{
    int result = within(real_lock, mutex);
    if (!load_lock)
        load_lock = mutex;
    struct thread *thread = mutex == load_lock ? thread_enter() : NULL;
    if (!thread)
        return result;
    struct object *object = object_find(thread, (uintptr_t)mutex, TRACE_OBJECT_MUTEX);
    if (object)
        clock_take(thread, object, RETURN_PC);
    thread_leave(thread);
    return result;
}

static int unlock(pthread_mutex_t *mutex)
{
    if (mutex == load_lock && mutex->__data.__count == 1)
        late_keep();
    struct thread *thread = mutex == load_lock ? thread_enter() : NULL;
    if (thread) {
        struct object *object = object_get(thread, (uintptr_t)mutex, TRACE_OBJECT_MUTEX);
        if (object) /* joined: who takes it while the recorder is busy in that thread learns nothing */
            clock_release_join(thread, object);
        thread_leave(thread);
    }
    return within(real_unlock, mutex);
}

/* ---- where the pointers are ---- */

struct writable {
    uintptr_t low, high;             /* the dynamic linker's data */
    uintptr_t relro_low, relro_high; /* of it, what is read-only now */
};

static bool data_of(struct writable *data)
{
    uintptr_t base = (uintptr_t)_r_debug.r_ldbase;
    const ElfW(Ehdr) *file = (const ElfW(Ehdr) *)base;
    *data = (struct writable){0, 0, 0, 0};
    if (!base || !raw_equal_n((const char *)file, ELFMAG, SELFMAG))
        return false;
    const ElfW(Phdr) *header = (const ElfW(Phdr) *)(base + file->e_phoff);
    for (uint32_t i = 0; i < file->e_phnum; i++) {
        uintptr_t low = base + header[i].p_vaddr, high = low + header[i].p_memsz;
        if (header[i].p_type == PT_LOAD && header[i].p_flags & PF_W) {
            data->low = (low + 7) & ~(uintptr_t)7;
            data->high = high & ~(uintptr_t)7;
        } else if (header[i].p_type == PT_GNU_RELRO) {
            data->relro_low = low & ~(PAGE - 1);
            data->relro_high = high & ~(PAGE - 1);
        }
    }
    return data->low < data->high;
}

/* The only place that holds `function`; NULL if there is none or several. */
static mutex_function *pointer_to(const struct writable *data, mutex_function function)
{
    mutex_function *found = NULL;
    for (uintptr_t at = data->low; at < data->high; at += sizeof(void *)) {
        mutex_function *place = (mutex_function *)at;
        if (*place != function)
            continue;
        if (found)
            return NULL;
        found = place;
    }
    return found;
}

static bool redirect(const struct writable *data, mutex_function *place, mutex_function function)
{
    uintptr_t page = (uintptr_t)place & ~(PAGE - 1);
    bool protected = page >= data->relro_low && page < data->relro_high;
    if (protected && raw3(SYS_mprotect, page, PAGE, PROT_READ | PROT_WRITE) != 0)
        return false;
    __atomic_store_n(place, function, __ATOMIC_RELEASE);
    if (protected)
        raw3(SYS_mprotect, page, PAGE, PROT_READ);
    return true;
}

void loader_watch(void)
{
    struct writable data;
    void *library = data_of(&data) ? dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD) : NULL;
    if (!library)
        return;
    *(void **)(void *)&real_lock = dlsym(library, "pthread_mutex_lock");
    *(void **)(void *)&real_unlock = dlsym(library, "pthread_mutex_unlock");
    mutex_function *lock_place = real_lock ? pointer_to(&data, real_lock) : NULL,
                   *unlock_place = real_unlock ? pointer_to(&data, real_unlock) : NULL;
    if (!lock_place || !unlock_place || !redirect(&data, lock_place, lock))
        return;
    if (!redirect(&data, unlock_place, unlock)) {
        redirect(&data, lock_place, real_lock);
        return;
    }
    dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
}
