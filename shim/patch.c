/*
 * Which modules are patched, their copies' memory, installation. One module at a time: its image is rewritten in scratch
 * memory and in a copy area that nobody runs yet, then the jumps are written into the original, which nobody runs either:
 * at start there is one thread, and it is in the recorder; at a dlopen the module's constructors have not run.
 *
 * No page is ever writable and executable: the copy is a memfd mapped twice (or made executable when it is written); the
 * original is writable while the jumps are written. Where the system refuses either, nothing is patched, and that is said.
 */
#include "shim/patch.h"

#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "shim/access.h"
#include "shim/banned.h"
#include "shim/heap.h"
#include "shim/mark.h"
#include "shim/module.h"
#include "shim/options.h"
#include "shim/patch_access.h"
#include "shim/patch_area.h"
#include "shim/patch_choose.h"
#include "shim/patch_emit.h"
#include "shim/patch_lazy.h"
#include "shim/raw.h"
#include "shim/table.h"

#define MODULES     1024u
#define PAGE        4096u
#define MEGABYTE    ((uintptr_t)1 << 20)
#define SCRATCH     (256 * MEGABYTE) /* for modules of up to 4 MB of text; larger ones have their own */
#define COPY_FACTOR 68u              /* most bytes of copy for one of text; 11 to 19 are used */

__thread struct patch_thread patch_thread = PATCH_THREAD_NEW;
__thread uint64_t patch_words[PATCH_WORDS];
__thread struct patch_spans patch_spans;
uint32_t patch_span_count;
volatile uint32_t patch_on;
bool patch_nests;

static struct patch_module modules[MODULES];
static struct patch_arena rewriting; /* while there is somebody in patch_refresh() */
static uint32_t module_count;
static bool patch_started;  /* what comes now is not relocated yet */
static const char *refused; /* all modules */

enum refused {
    REFUSED_NOT,
#define REFUSED(name, text) REFUSED_##name,
#include "trace/refused.def"
#undef REFUSED
};

/* ---- one module ---- */

/* Will a page of a program that was written to be executable again? Tried on a page of our own first. */
static bool text_can_change(void)
{
    long fd = raw3(SYS_open, "/proc/self/exe", 02000000 /* O_CLOEXEC */, 0);
    if (fd < 0)
        return false;
    volatile uint8_t *page = raw_map(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, (int)fd, 0);
    raw1(SYS_close, fd);
    if (!page)
        return false;
    page[0] = 0xc3;
    bool can = raw3(SYS_mprotect, page, PAGE, PROT_READ | PROT_EXEC) == 0;
    raw2(SYS_munmap, page, PAGE);
    return can;
}

/* Everything but the memory of the copy: false if there is nothing to patch in this module. */
static bool analyze(struct patch_image *image)
{
    if (!patch_discover_functions(image) || !patch_decode_functions(image))
        return false;
    patch_discover_entries(image);
    for (uint32_t i = 0; i < image->function_count; i++) {
        struct patch_function *function = &image->functions[i];
        if (function->native || function->skipped || image->quick)
            continue;
        patch_live(image, function);
        patch_words_choose(image, function);
        patch_heads_choose(image, function);
    }
    if (!patch_plan_entries(image))
        return false;
    if (!image->quick)
        patch_count(image);
    image->statistics.text = image->size;
    return true;
}

static enum refused install(struct patch_image *image)
{
    uintptr_t low = (uintptr_t)image->text & ~(uintptr_t)(PAGE - 1),
              high = ((uintptr_t)image->text + image->size + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
    if (raw3(SYS_mprotect, low, high - low, PROT_READ | PROT_WRITE) != 0)
        return REFUSED_WRITABLE;
    patch_install(image, (uint8_t *)(uintptr_t)image->text);
    if (raw3(SYS_mprotect, low, high - low, PROT_READ | PROT_EXEC) != 0)
        raw1(SYS_exit_group, 127); /* tried before: see text_can_change() */
    return REFUSED_NOT;
}

/* 0, or why it stays as it is. */
static enum refused patch_now(struct patch_image *image)
{
    struct patch_place_table *table = image->table;
    struct area area;
    if (!area_begin(&area, (uintptr_t)image->text, (uintptr_t)image->text + image->size,
                    image->size * (size_t)COPY_FACTOR + MEGABYTE))
        return REFUSED_MEMORY;
    bool decoded = analyze(image);
    if (!decoded || !patch_place_map(table, image, 0)) {
        patch_place_unmap(table);
        area_end(&area, 0);
        return decoded ? REFUSED_MEMORY : REFUSED_FRAMES;
    }
    image->out = area.out;
    image->out_end = area.out + area.size;
    image->shift = (int64_t)(area.runs - (uintptr_t)area.out);
    image->first_site = patch_site_count;
    table->copy = area.runs;
    patch_emit_ways(image);
    bool good = patch_emit_functions(image);
    table->copy_end = area.runs + image->used;
    bool executable = area_end(&area, good ? image->used : 0);
    if (!good || !executable) {
        patch_place_unmap(table);
        return good ? REFUSED_EXECUTABLE : REFUSED_ROOM;
    }
    patch_site_count += image->site_count;
    patch_place_add(table);
    image->statistics.copy = image->used;
    return install(image);
}

/* What is never copied is all that is known of a module beforehand. */
static void count_native(struct patch_image *image)
{
    struct patch_statistics *s = &image->statistics;
    for (uint32_t i = 0; i < image->function_count; i++) {
        const struct patch_function *function = &image->functions[i];
        s->functions += !function->skipped;
        s->native_functions += !function->skipped && function->native;
        struct patch_instruction in;
        for (uint32_t at = function->start; function->native && at < function->end;
             at += in.length) {
            uint64_t value;
            if (!patch_decode(image->text + at, function->end - at, (uintptr_t)image->text + at,
                              &in, &value))
                break;
            s->instructions += instruction_candidate(&in);
        }
    }
}

/* False: it is not to be patched that way, and is as it was. */
static bool patch_later(struct patch_image *image)
{
    image->quick = true;
    if (!analyze(image))
        return false;
    count_native(image);
    struct patch_lazy *lazy = patch_lazy_begin(image);
    if (!lazy)
        return false;
    image->lazy = lazy;
    if (install(image) == REFUSED_NOT)
        return true;
    patch_place_forget((uintptr_t)image->text);
    patch_lazy_forget((uintptr_t)image->text);
    return false;
}

static uint64_t nanoseconds(void)
{
    uint64_t now[2] = {0, 0};
    raw2(SYS_clock_gettime, 1 /* CLOCK_MONOTONIC */, now);
    return now[0] * 1000000000u + now[1];
}

/* ---- which modules ---- */

static void image_of(struct patch_image *image, const struct dl_phdr_info *info)
{
    const ElfW(Dyn) *dynamic = NULL;
    image->bias = info->dlpi_addr;
    for (uint32_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        uintptr_t low = info->dlpi_addr + header->p_vaddr, high = low + header->p_memsz;
        switch (header->p_type) {
        case PT_LOAD:
            if (image->segment_count < PATCH_SEGMENTS)
                image->segments[image->segment_count++] =
                    (struct patch_segment){low, high, header->p_flags & PF_W};
            /* Of several executable segments (node has three) the largest. */
            if (header->p_flags & PF_X && !(header->p_flags & PF_W) &&
                header->p_memsz > image->size && header->p_memsz < UINT32_MAX / 4) {
                image->text = (const uint8_t *)low;
                image->size = (uint32_t)header->p_memsz;
                image->file_offset = header->p_offset;
            }
            break;
        case PT_GNU_EH_FRAME:
            image->frames = (const uint8_t *)low;
            break;
        case PT_DYNAMIC:
            dynamic = (const ElfW(Dyn) *)low;
            break;
        case PT_GNU_RELRO:
            image->relro_low = low;
            image->relro_high = high;
            break;
        default:
            break;
        }
    }
    for (const ElfW(Dyn) *entry = dynamic; entry && entry->d_tag != DT_NULL; entry++) {
        if (entry->d_tag == DT_RELA)
            image->relocations = image_pointer(image, entry->d_un.d_ptr);
        else if (entry->d_tag == DT_RELASZ)
            image->relocation_bytes = entry->d_un.d_val;
        else if (entry->d_tag == DT_RELR)
            image->relative = image_pointer(image, entry->d_un.d_ptr);
        else if (entry->d_tag == DT_RELRSZ)
            image->relative_bytes = entry->d_un.d_val;
        else if (entry->d_tag == DT_SYMTAB)
            image->symbols = image_pointer(image, entry->d_un.d_ptr);
    }
    image->bytes = image->text;
    image->dynamic = dynamic;
    image->fixed = image->bias == 0;
}

static void flag_module(uintptr_t text, const struct patch_statistics *statistics, bool lazy)
{
    struct trace_module *module = module_patch(text);
    if (!module)
        return;
    module->candidates = statistics->instructions;
    module->seen = statistics->recorded;
    module->uncalled = lazy ? statistics->functions - statistics->native_functions : 0;
    module->flags |= TRACE_MODULE_PATCHED;
}

/* verbosity=3: what was made of a module. */
static void tell(const struct patch_module *module)
{
    const struct patch_statistics *s = &module->statistics;
    const struct {
        const char *what;
        uint64_t value;
    } parts[] = {{": functions ", s->functions},
                 {", native ", s->native_functions},
                 {"; accesses ", s->instructions},
                 {", recorded ", s->recorded},
                 {", unreached ", s->unreached},
                 {", unsupported ", s->unsupported},
                 {"; text KB ", s->text >> 10},
                 {", copy KB ", s->copy >> 10},
                 {"; microseconds ", s->nanoseconds / 1000}};
    char text[400];
    size_t used = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        raw_append(text, sizeof text, &used, parts[i].what);
        raw_append_number(text, sizeof text, &used, parts[i].value);
    }
    shim_message("patched ", module->name, text, NULL);
}

static void add_module(const struct patch_image *image, const char *name, uint64_t began)
{
    uint32_t number = 0;
    while (number < module_count && modules[number].low)
        number++;
    struct patch_module *module = &modules[number];
    size_t used = 0;
    *module = (struct patch_module){.low = (uintptr_t)image->text,
                                    .high = (uintptr_t)image->text + image->size,
                                    .copy = image->table->copy,
                                    .copy_end = image->table->copy_end,
                                    .bias = image->bias,
                                    .home = patch_choose_home(name),
                                    .site = image->first_site,
                                    .site_end = image->first_site + image->site_count};
    raw_append(module->name, sizeof module->name, &used, name);
    module->statistics = image->statistics;
    module->statistics.nanoseconds = nanoseconds() - began;
    if (number == module_count)
        module_count++;
    flag_module(module->low, &image->statistics, image->lazy);
    if (image->pairs)
        __atomic_fetch_or(&process_record()->flags, TRACE_PROCESS_PAIRS, __ATOMIC_RELAXED);
    patch_on = 1;
    access_on = 1;
    if (shim_options.verbosity >= 3)
        tell(module);
}

bool patch_home(void)
{
    uintptr_t pc = patch_thread.frame ? patch_sites[patch_thread.site].pc : 0;
    for (uint32_t i = 0; i < module_count; i++)
        if (pc >= modules[i].low && pc < modules[i].high)
            return modules[i].home;
    return false;
}

/* Has its code addresses that the dynamic linker fills in? It does so when it has told that a module has come. */
static bool relocates_text(const struct patch_image *image)
{
    for (const ElfW(Dyn) *entry = image->dynamic; entry && entry->d_tag != DT_NULL; entry++)
        if (entry->d_tag == DT_TEXTREL ||
            (entry->d_tag == DT_FLAGS && entry->d_un.d_val & DF_TEXTREL))
            return true;
    return false;
}

static bool known(uintptr_t text)
{
    for (uint32_t i = 0; i < module_count; i++)
        if (modules[i].low == text)
            return true;
    return false;
}

/* Toolchain libraries are what the recorder itself calls: what they need is there beforehand. */
static bool is_lazy(const struct patch_image *image, const char *name)
{
    return shim_options.patch_lazy && image->size >= shim_options.patch_lazy &&
           !patch_choose_toolchain(name);
}

static enum refused patch_image(const struct patch_image *fresh, const char *name, uint64_t began)
{
    struct patch_image image;
    struct patch_place_table table;
    for (bool lazy = is_lazy(fresh, name);; lazy = false) {
        image = *fresh;
        image.arena = &rewriting;
        image.table = &table;
        raw_zero(&table, sizeof table);
        if (!arena_begin(&rewriting, (size_t)image.size * 64 + (16 * MEGABYTE)))
            return REFUSED_MEMORY;
        if (lazy && !patch_later(&image))
            continue;
        enum refused why = lazy ? REFUSED_NOT : patch_now(&image);
        if (why == REFUSED_NOT)
            add_module(&image, name, began);
        return why;
    }
}

static void patch_one(const struct dl_phdr_info *info, const char *name, bool main)
{
    uint64_t began = nanoseconds();
    struct patch_image image = {.bytes = NULL};
    image_of(&image, info);
    image.path = main ? "/proc/self/exe" : info->dlpi_name;
    enum patch_choice choice = patch_choose(name, main, image.dynamic);
    if (choice == PATCH_NOT || !image.text || known((uintptr_t)image.text) ||
        module_instrumented((uintptr_t)image.text))
        return;
    struct trace_module *module = module_at((uintptr_t)image.text);
    if (!module ||
        module->flags & TRACE_MODULE_REFUSED) /* one that is not known would be forgotten */
        return;
    uint64_t most = (uint64_t)shim_options.patch_mb * MEGABYTE;
    enum refused why = REFUSED_MEMORY;
    if (choice != PATCH_NAMED && most && image.size > most) {
        why = REFUSED_LARGE;
    } else if (choice != PATCH_NAMED && !main && !patch_choose_toolchain(name) &&
               heap_allocates((uintptr_t)image.text, (uintptr_t)image.text + image.size)) {
        why = REFUSED_ALLOCATOR;
    } else if (!known(0) && module_count == MODULES) {
        why = REFUSED_MANY;
    } else if (patch_started && relocates_text(&image)) {
        why = REFUSED_RELOCATED;
    } else {
        patch_nests |= patch_choose_toolchain(name);
        if (patch_nests)
            heap_nests();
        why = patch_image(&image, name, began);
    }
    if (why != REFUSED_NOT) {
        module->refused = why;
        module->flags |= TRACE_MODULE_REFUSED;
    }
}

/* What such a module calls is not the recorder's, but a C library of its own: its locks are not seen. */
static int visit_apart(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size;
    (void)data;
    struct patch_image image = {.bytes = NULL};
    image_of(&image, info);
    struct trace_module *module = image.text ? module_at((uintptr_t)image.text) : NULL;
    const char *name = patch_last_component(info->dlpi_name ? info->dlpi_name : "");
    if (module && !known((uintptr_t)image.text) &&
        patch_choose(name, false, image.dynamic) != PATCH_NOT) {
        module->refused = REFUSED_NAMESPACE;
        module->flags |= TRACE_MODULE_REFUSED;
    }
    return 0;
}

static int visit(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size;
    bool *first = data;
    bool main = *first;
    *first = false;
    if (main)
        module_namespaces(visit_apart, NULL);
    const char *name = patch_last_component(main              ? process_record()->executable
                                            : info->dlpi_name ? info->dlpi_name
                                                              : "");
    patch_one(info, name, main);
    return 0;
}

/* Its addresses may be another module's tomorrow. Nobody runs in the copy of what is unmapped. */
static void forget(struct patch_module *module)
{
    patch_place_forget(module->low);
    if (module->site_end == patch_site_count &&
        module->site_end > module->site) /* else they are lost: there are four million */
        patch_site_count = module->site;
    if (!patch_lazy_forget(module->low))
        raw2(SYS_munmap, module->copy,
             (module->copy_end - module->copy + PAGE - 1) & ~(size_t)(PAGE - 1));
    module->low = module->high = module->copy = module->copy_end = 0;
}

void patch_refresh(void)
{
    if (!patch_sites)
        return;
    bool first = true;
    module_refresh();
    patch_lock();
    patch_choose_begin();
    for (uint32_t i = 0; i < module_count; i++)
        if (modules[i].low && !module_holds(modules[i].low))
            forget(&modules[i]);
    if (!arena_begin(&rewriting, SCRATCH)) /* if not, as much as each needs */
        arena_end(&rewriting);
    dl_iterate_phdr(visit, &first);
    arena_end(&rewriting);
    patch_unlock();
}

void patch_fork_child(void)
{
    patch_lock_reset();
}

void patch_tell(void)
{
    struct trace_process *process = process_record();
    size_t used = 0;
    if (refused)
        raw_append(process->patch_refused, sizeof process->patch_refused, &used, refused);
}

/* Is there only this thread? None may be in code that is about to change. */
static bool alone(void)
{
    struct stat status;
    if (raw2(SYS_stat, "/proc/self/task", &status) == 0 && status.st_nlink > 3)
        return false;
    return table_tasks.count <= 2;
}

/*
 * Valgrind runs its own translation of the code, and ends the program by an internal error in ours. It takes these
 * instructions, which do nothing elsewhere, for a question; the answer is in rdx.
 */
static bool under_valgrind(void)
{
    volatile uint64_t question[6] = {0x1001 /* RUNNING_ON_VALGRIND */, 0, 0, 0, 0, 0};
    uint64_t answer = 0;
    __asm__ volatile("rolq $3, %%rdi\n\trolq $13, %%rdi\n\trolq $61, %%rdi\n\trolq $51, %%rdi\n\t"
                     "xchgq %%rbx, %%rbx"
                     : "+d"(answer)
                     : "a"(question)
                     : "cc", "memory");
    return answer != 0;
}

void patch_start(void)
{
    if (raw_equal(shim_options.patch, "none") || !shim_options.accesses)
        return;
    if (!alone())
        refused = "there were threads before the recorder was there";
    else if (!patch_decode_open())
        refused = "libZydis.so.4.0 is not installed";
    else if (under_valgrind())
        refused = "it runs under Valgrind, which lets nobody else change code";
    else if (!text_can_change())
        refused = "this system does not let code be changed";
    else if (!patch_sites_open())
        refused = "no memory";
    patch_has_bmi2 = patch_has_bmi2 && shim_options.patch_bmi2;
    patch_emit_setup();
    patch_access_setup();
    if (!refused) {
        patch_refresh();
        patch_started = true;
        if (!raw_equal(shim_options.patch, "main"))
            patch_watch();
    }
    if (refused &&
        shim_options.patch_asked) /* by default it is tried and, if not, said in the report alone */
        shim_message("patch=", shim_options.patch, ": ", refused, NULL);
    patch_tell();
}
