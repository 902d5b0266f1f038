/*
 * Memory of the rewriter: scratch for one module, the file of its text, and the room of a copy, within 2 GB of the original. The latter is a
 * memfd mapped twice (or, where that is refused, made executable when it is written): no page is ever writable and
 * executable.
 */
#include "shim/patch_area.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "shim/apart.h"
#include "shim/banned.h"
#include "shim/raw.h"

#define PAGE       4096u
#define MEGABYTE   ((uintptr_t)1 << 20)
#define NEAR_STEP  (4 * MEGABYTE)
#define NEAR_LIMIT (1900 * MEGABYTE) /* how far copy and original may be apart */
#define ABOVE_FIRST \
    (1024 * MEGABYTE) /* first try above: the program's heap grows into what is nearer */

/* ---- scratch memory ---- */

bool arena_begin(struct patch_arena *arena, size_t reserve)
{
    arena->next = arena->low;
    if (arena->low && (size_t)(arena->end - arena->low) >= reserve)
        return true;
    arena_end(arena);
    arena->low = raw_map(NULL, reserve, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (arena->low) /* tens of megabytes, touched once: page faults were a quarter of the time */
        raw3(SYS_madvise, arena->low, reserve, 14 /* MADV_HUGEPAGE */);
    arena->next = arena->low;
    arena->end = arena->low ? arena->low + reserve : NULL;
    return arena->low;
}

void *arena_take(struct patch_arena *arena, size_t size)
{
    size = (size + 63) & ~(size_t)63;
    if ((size_t)(arena->end - arena->next) < size)
        return NULL;
    void *piece = arena->next;
    arena->next += size;
    return piece;
}

void *arena_take_zeroed(struct patch_arena *arena, size_t size)
{
    void *piece = arena_take(arena, size);
    if (piece)
        raw_zero(piece, size);
    return piece;
}

void arena_end(struct patch_arena *arena)
{
    if (arena->low)
        raw2(SYS_munmap, arena->low, arena->end - arena->low);
    arena->low = arena->next = arena->end = NULL;
}

/* ---- the file ---- */

struct file {
    const struct patch_image *image;
    const uint8_t *bytes;
};

static void map_file(void *data)
{
    struct file *file = data;
    const struct patch_image *image = file->image;
    uint64_t start = image->file_offset & ~(uint64_t)(PAGE - 1);
    uint64_t within = image->file_offset % PAGE;
    struct stat status;
    long fd = raw3(SYS_open, image->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);
    if (fd < 0)
        return;
    void *found = NULL;
    if (raw2(SYS_fstat, fd, &status) == 0 && S_ISREG(status.st_mode) &&
        (uint64_t)status.st_size >= image->file_offset + image->size)
        found = raw_map(NULL, image->size + within, PROT_READ, MAP_PRIVATE, (int)fd, start);
    raw1(SYS_close, fd);
    file->bytes = found ? (const uint8_t *)found + within : NULL;
}

static bool same(const uint8_t *a, const uint8_t *b, size_t size)
{
    size_t i = 0;
    for (; i + 8 <= size; i += 8) {
        uint64_t x, y;
        __builtin_memcpy(&x, a + i, 8);
        __builtin_memcpy(&y, b + i, 8);
        if (x != y)
            return false;
    }
    for (; i < size; i++)
        if (a[i] != b[i])
            return false;
    return true;
}

static uintptr_t file_start(const struct patch_image *image, const uint8_t *bytes)
{
    return (uintptr_t)bytes - image->file_offset % PAGE;
}

void area_file_release(const struct patch_image *image, const uint8_t *bytes)
{
    raw2(SYS_munmap, file_start(image, bytes), image->size + image->file_offset % PAGE);
}

const uint8_t *area_file(const struct patch_image *image)
{
    struct file file = {.image = image};
    if (image->path && image->path[0])
        apart(map_file, &file);
    if (!file.bytes)
        return NULL;
    if (!same(file.bytes, image->text, image->size)) {
        area_file_release(image, file.bytes);
        return NULL;
    }
    raw3(SYS_madvise, file_start(image, file.bytes), image->size + image->file_offset % PAGE,
         MADV_DONTNEED);
    return file.bytes;
}

/* ---- memory near the module ---- */

static void *map_at(uintptr_t address, size_t size, int fd)
{
    int flags = fd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    int protection = fd >= 0 ? PROT_READ | PROT_EXEC : PROT_READ | PROT_WRITE;
    void *found = raw_map((void *)address, size, protection, flags | MAP_FIXED_NOREPLACE, fd, 0);
    if (found && (uintptr_t)found != address) { /* a kernel that does not know the flag */
        raw2(SYS_munmap, found, size);
        return NULL;
    }
    return found;
}

/* Right below the last room that was found below, since libraries come in their hundreds; else where there is some. */
static void *map_near(uintptr_t low, uintptr_t high, size_t size, int fd)
{
    static uintptr_t last;
    low &= ~(uintptr_t)(PAGE - 1);
    high = (high + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
    uintptr_t floor = high > NEAR_LIMIT ? high - NEAR_LIMIT : PAGE;
    void *found = NULL;
    if (last <= low && last >= floor + size)
        found = map_at(last - size, size, fd);
    for (uintptr_t at = low; !found && at >= floor + size + MEGABYTE && at <= low; at -= NEAR_STEP)
        found = map_at(at - size - MEGABYTE, size, fd);
    if (found) {
        last = (uintptr_t)found;
        return found;
    }
    for (uintptr_t at = high + ABOVE_FIRST; !found && at + size < low + NEAR_LIMIT; at += NEAR_STEP)
        found = map_at(at, size, fd);
    return found;
}

struct twice {
    uintptr_t low, high;
    size_t size;
    void *runs, *out;
};

static void map_twice(void *data)
{
    struct twice *twice = data;
    long fd = raw2(SYS_memfd_create, "gorocheck", 1 /* CLOEXEC */);
    if (fd < 0)
        return;
    if (raw2(SYS_ftruncate, fd, twice->size) == 0) {
        twice->runs = map_near(twice->low, twice->high, twice->size, (int)fd);
        twice->out = raw_map(NULL, twice->size, PROT_READ | PROT_WRITE, MAP_SHARED, (int)fd, 0);
    }
    raw1(SYS_close, fd);
}

bool area_begin(struct area *area, uintptr_t low, uintptr_t high, size_t size)
{
    area->size = (size + PAGE - 1) & ~(size_t)(PAGE - 1);
    struct {
        uint64_t soft, hard;
    } limit = {0, 0};
    raw4(SYS_prlimit64, 0, 1 /* RLIMIT_FSIZE: beyond it, ftruncate is a signal */, 0, &limit);
    struct twice twice = {.low = low, .high = high, .size = area->size};
    if (limit.soft > area->size)
        apart(map_twice, &twice);
    if (twice.runs && twice.out) {
        *area = (struct area){twice.out, (uintptr_t)twice.runs, area->size, true};
        return true;
    }
    if (twice.runs)
        raw2(SYS_munmap, twice.runs, area->size);
    if (twice.out)
        raw2(SYS_munmap, twice.out, area->size);
    void *both = map_near(low, high, area->size, -1);
    *area = (struct area){both, (uintptr_t)both, area->size, false};
    return both;
}

void area_release(const struct area *area)
{
    raw2(SYS_munmap, area->runs, area->size);
    if (area->twice)
        raw2(SYS_munmap, area->out, area->size);
}

/* Only what is used stays. */
bool area_end(const struct area *area, size_t used)
{
    size_t keep = (used + PAGE - 1) & ~(size_t)(PAGE - 1);
    if (area->twice)
        raw2(SYS_munmap, area->out, area->size);
    if (keep < area->size)
        raw2(SYS_munmap, area->runs + keep, area->size - keep);
    return area->twice || keep == 0 ||
           raw3(SYS_mprotect, area->runs, keep, PROT_READ | PROT_EXEC) == 0;
}
